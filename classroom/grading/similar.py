"""Students whose code is alike: a list to look at, no verdict.

copydetect compares by winnowing (Schleimer, Wilkerson, Aiken 2003): renamed variables and changed
comments do not hide a copy. What everybody got, and the solutions in the lessons, count for nobody.
"""

import io
from itertools import combinations
from pathlib import Path

import nbformat

from classroom.grading.pages import page_name, sources
from classroom.grading.tables import write_table
from classroom.grading.work import Graded, Work

TOKENS, WINDOW = 15, 4  # the shortest passage that counts, and how densely passages are taken
SHARE = 0.8  # of the shorter answer
COLUMNS = ("assignment", "exercise", "student", "other", "share", "code", "other_code")


def write_similar(path: Path, marked: list[Graded], work: Work) -> None:
    """`similar.csv`: pairs of students and the share of an answer that both have."""
    from copydetect import CodeFingerprint, compare_files

    def fingerprint(code: str, known: list) -> CodeFingerprint:
        return CodeFingerprint("answer.py", TOKENS, WINDOW, known, fp=io.StringIO(code))

    rows = []
    for assignment in sorted({one.submission.assignment for one in marked}):
        reference = nbformat.reads(work.reference(assignment).decode(), as_version=4)
        for name, solution in sources(reference).items():
            if not name.startswith("solution-"):
                continue
            known = list(fingerprint(solution, []).hashes)
            prints = [
                (one, fingerprint(code, known))
                for one in marked
                if one.submission.assignment == assignment
                and (code := sources(one.notebook).get(name, "").strip())
            ]
            for (one, mine), (other, theirs) in combinations(prints, 2):
                if not len(mine.hashes) or not len(theirs.hashes):
                    continue  # too short, or the lesson's own
                share = max(compare_files(mine, theirs)[1])
                if share >= SHARE:
                    links = (f"code/{page_name(each)}#{name}" for each in (one, other))
                    who = (one.submission.student, other.submission.student)
                    values = [assignment, name[-4:], *who, f"{share:.2f}", *links]
                    rows.append(dict(zip(COLUMNS, values, strict=True)))
    write_table(path, COLUMNS, rows)
