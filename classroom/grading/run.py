"""`python -m inpaintlib grade`: from what was handed in to marks, feedback, a list for a person."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

from classroom.course import ASSIGNMENTS
from classroom.grading import sandbox
from classroom.grading.collect import Submission, collect
from classroom.grading.report import OTHER_FILE, write_report
from classroom.grading.roster import Member, members_of, read_roster
from classroom.grading.work import Graded, Work

FENCED = "students' code runs in a sandbox (bubblewrap)"
UNFENCED = (
    "WARNING: no sandbox here (bubblewrap is missing, older than 0.8, or not allowed). Students' "
    "code is only watched, which stops mistakes and not a person who means harm: see "
    "assignments/README.md"
)
NOTHING, NO_NOTEBOOK = "handed in nothing", "no notebook"
TOLD = 3  # files of a student that cannot be graded, each with a note


def grade(
    place: Path,
    out: Path,
    *,
    due: datetime | None = None,
    jobs: int | None = None,
    roster: Path | None = None,
    similar: bool = False,
    say: Callable[[str], None],
) -> list[Graded]:
    """Grade everything in a folder or zip; write marks, feedback, and what needs a person.

    Args:
        place: a folder or a zip of submissions.
        out: the table of marks, a `.csv`; the rest goes into the folder of its name beside it.
        due: uploads after it are marked as late; no points are taken off.
        jobs: submissions graded at a time; as many as there are cores if None.
        roster: a table with a row per student; who handed in nothing gets a row, too.
        similar: also list students whose code is alike.
        say: called with a line for each submission.

    Raises:
        ValueError: nothing was handed in, the roster cannot be read, or the reference solutions
            do not get full points here.
        ImportError: a package of `inpaintlib[classroom]` is not installed.
    """
    members = read_roster(roster) if roster else []
    folder = out.with_suffix("")
    work = Work(folder / "kept")
    names = sorted(path.name for path in (ASSIGNMENTS / "source").iterdir())
    chosen, rejected = collect(place, names, due)
    if due and len(chosen) > 1 and all(one.time > due for one in chosen):
        say(
            f"every file is later than {due}: are these the times of the download? "
            "see assignments/README.md"
        )
    say(FENCED if sandbox.available() else UNFENCED)
    pool = ThreadPoolExecutor(jobs or os.cpu_count())
    try:
        needed = sorted({one.assignment for one in chosen})
        for assignment, _ in zip(needed, pool.map(work.check, needed), strict=True):
            say(f"{assignment}: the reference solutions get full points")
        tasks = [pool.submit(work.grade, one) for one in chosen]
        graded = []
        for number, task in enumerate(tasks, start=1):
            graded.append(task.result())
            one = graded[-1].submission
            say(f"{number}/{len(tasks)} {one.student} · {one.assignment}")
    finally:  # after Ctrl-C or an error, what has not begun is not begun
        pool.shutdown(cancel_futures=True)
    graded += without_notebook(rejected, {one.student for one in chosen})
    if members:
        graded += absent(graded, members, needed)
    write_report(graded, out, work, similar=similar)
    return graded


def without_notebook(rejected: list[Submission], known: set[str]) -> list[Graded]:
    """One row per student of whom no file could be graded; a note on each of their first files."""
    by_student: dict[str, list[Submission]] = {}
    for one in rejected:
        by_student.setdefault(one.student, []).append(one)
    rows = []
    for student, files in by_student.items():
        notes = [f"{one.origin}: {', '.join(one.notes)}" for one in files[:TOLD]]
        more = [f"and {len(files) - TOLD} more files like these"] if len(files) > TOLD else []
        status = OTHER_FILE if student in known else NO_NOTEBOOK
        rows.append(Graded(files[0], human=notes + more, status=status))
    return rows


def absent(graded: list[Graded], members: list[Member], assignments: list[str]) -> list[Graded]:
    """A row for each member of the class and assignment without a file; notes on the others."""
    present: dict[str, dict[str, list[str]]] = {}
    for one in graded:
        if one.status == OTHER_FILE:  # its owner has a row
            continue
        student = one.submission.student
        found = members_of(student, members)
        if not found:
            one.note("not on the roster")
        if len(found) > 1:
            one.note(f"may be {' or '.join(member.name for member in found)} on the roster")
        for member in found:
            mine = present.setdefault(member.name, {}).setdefault(one.submission.assignment, [])
            mine.append(student)
            if len(set(mine)) > 1:
                one.note(f"the roster has one {member.name} for {' and '.join(sorted(set(mine)))}")
    missing = []
    for member in members:
        here = present.get(member.name, {})
        for assignment in assignments:
            if assignment not in here and "" not in here:  # "": a file that is no notebook
                nothing = Submission(member.name, assignment, "", b"", datetime.min)
                missing.append(Graded(nothing, status=NOTHING))
    return missing
