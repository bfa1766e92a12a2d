"""Marks, feedback pages, answers to mark, and what needs a person."""

from html import escape
from pathlib import Path

from classroom.grading.by_hand import ByHand, read_by_hand
from classroom.grading.marking import write_marking_page
from classroom.grading.pages import code_page, feedback, headings_of, number, page_name, write_page
from classroom.grading.platforms import write_platforms
from classroom.grading.similar import write_similar
from classroom.grading.tables import write_table
from classroom.grading.work import Graded, Work, full_points

OTHER_FILE = "another file"  # of a student who has a row already: a note, no row
PERSON = ("student", "assignment", "file", "cell", "why", "link")
POINTS = ("student", "assignment", "exercise", "cell", "points", "of", "by", "message")


def write_report(graded: list[Graded], out: Path, work: Work, *, similar: bool = False) -> None:
    """Write `out` and, in the folder of its name, all the rest. `by-hand.csv` is read and kept."""
    folder = out.with_suffix("")
    marked = [one for one in graded if one.scores]
    by_hand = read_by_hand(folder / "by-hand.csv", marked, work)
    rows = [row_of(one, by_hand, work) for one in graded if one.status != OTHER_FILE]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    write_table(out, columns, rows)
    write_table(folder / "points.csv", POINTS, points_table(marked, by_hand, work))
    for one in marked:
        write_page(folder / "feedback" / page_name(one), *feedback(one, by_hand, work))
        title, body, style = code_page(one)
        write_page(folder / "code" / page_name(one), title, body, style=style)
    _needs_a_person(folder, graded)
    write_platforms(folder, marked, by_hand, work)
    for assignment in sorted({one.submission.assignment for one in marked}):
        mine = [one for one in marked if one.submission.assignment == assignment]
        path = folder / f"answers-{assignment}.html"
        write_marking_page(path, mine, assignment, by_hand, work)
    if similar:
        write_similar(folder / "similar.csv", marked, work)


def row_of(one: Graded, by_hand: ByHand, work: Work) -> dict[str, object]:
    """One row of the table of marks."""
    submission, points = one.submission, by_hand.points(one)
    known = bool(submission.assignment)
    limits = full_points(work.release(submission.assignment)) if known else {}
    parts: dict[str, float | None] = {}
    numbers = list(dict.fromkeys(name[-4:] for name in points))  # in the order of the notebook
    for name, got in points.items():
        exercise = f"exercise_{numbers.index(name[-4:]) + 1}"
        part = "question" if name.startswith("answer") else exercise
        parts[part] = None if got is None else (parts.get(part) or 0) + got
    return {
        "student": submission.student,
        "assignment": submission.assignment,
        "points": number(sum(got or 0 for got in points.values())),
        "of": number(sum(limits.values())) if known else "",
        "to_mark": sum(got is None for got in points.values()),
        "late": "late" if submission.late else "",
        "status": one.status,
        "person": len(one.human),
        "file": submission.origin,
        **{part: "" if got is None else number(got) for part, got in sorted(parts.items())},
    }


def points_table(marked: list[Graded], by_hand: ByHand, work: Work) -> list[dict[str, object]]:
    """A row per student and graded cell: points, who gave them, and what the check said."""
    rows: list[dict[str, object]] = []
    for one in marked:
        release = work.release(one.submission.assignment)
        limits, headings = full_points(release), headings_of(release)
        for name, got in by_hand.points(one).items():
            corrected = one.scores[name] is not None and got != one.scores[name]
            checked = "a person" if corrected or name.startswith("answer") else "the check"
            told = by_hand.comment(one, name) or one.complaints.get(name, "")
            values = [
                *(one.submission.student, one.submission.assignment, headings[name[-4:]], name),
                *("" if got is None else number(got), number(limits[name]), checked, told),
            ]
            rows.append(dict(zip(POINTS, values, strict=True)))
    return rows


def _needs_a_person(folder: Path, graded: list[Graded]) -> None:
    """What to look at, as a table and as a page with links to the code."""
    rows = []
    for one in graded:
        for why in one.human:
            cell = one.where.get(why, "")
            link = f"code/{page_name(one)}#{cell}" if one.scores else ""
            submission = one.submission
            values = [submission.student, submission.assignment, submission.origin, cell, why, link]
            rows.append(dict(zip(PERSON, values, strict=True)))
    write_table(folder / "needs-a-person.csv", PERSON, rows)
    lines = [f"<h1>Needs a person</h1><p>{len(rows)} notes</p><ul>"]
    for row in rows:
        code = f' <a href="{escape(row["link"])}">code</a>' if row["link"] else ""
        words = " · ".join(filter(None, (row["student"], row["assignment"], row["why"])))
        lines.append(f"<li>{escape(words)}{code}</li>")
    write_page(folder / "needs-a-person.html", "Needs a person", "\n".join([*lines, "</ul>"]))
