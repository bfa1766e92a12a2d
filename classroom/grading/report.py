"""Marks, feedback pages, answers to read, and what needs a person."""

import zipfile
from html import escape
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from classroom.grading.collect import moodle_folder
from classroom.grading.rebuild import grade_id
from classroom.grading.tables import write_table
from classroom.grading.work import Graded, Work, full_points, slug
from classroom.grading.written import written_points
from inpaintlib.training.checkpoints import write_whole

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>{title}</title><style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 3rem auto; padding: 0 1rem;
  color: #1d2733; }}
h1 {{ font-size: 1.5rem; margin-bottom: .2rem; }} h2 {{ font-size: 1.1rem; margin-top: 2rem; }}
.sum {{ font-size: 1.2rem; color: #0b6e99; }}
.full {{ color: #18794e; }} .lost {{ color: #b3541e; }}
pre, .scheme {{ background: #f4f6f8; padding: .7rem 1rem; border-radius: 6px; }}
pre {{ white-space: pre-wrap; font: 14px/1.45 ui-monospace, monospace; }}
blockquote {{ margin: .5rem 0; padding-left: 1rem; border-left: 3px solid #cdd5dd;
  white-space: pre-wrap; }}
small {{ color: #5b6875; }}
</style><body>
{body}
</body></html>
"""


def write_report(graded: list[Graded], out: Path, work: Work, *, similar: bool = False) -> None:
    """Write `out` and, in the folder of its name, all the rest. `written.csv` is read and kept."""
    folder = out.with_suffix("")
    marked = [one for one in graded if one.scores]
    points = written_points(folder / "written.csv", marked, work)
    rows = [row_of(one, points, work) for one in marked]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    write_table(out, columns, rows)
    human = [
        {
            "student": one.submission.student,
            "assignment": one.submission.assignment,
            "file": one.submission.origin,
            "why": why,
        }
        for one in graded
        for why in one.human
    ]
    write_table(folder / "needs-a-person.csv", ["student", "assignment", "file", "why"], human)
    for one in marked:
        _page(folder / "feedback" / _page_name(one), *feedback(one, points, work))
    _zip_for_moodle(folder, marked)
    for assignment in sorted({one.submission.assignment for one in marked}):
        mine = [one for one in marked if one.submission.assignment == assignment]
        _page(folder / f"answers-{assignment}.html", *answers(mine, assignment, work))


# Marks ---------------------------------------------------------------------------------------


def points_of(one: Graded, written: dict[tuple, dict[str, str]]) -> dict[str, float | None]:
    """Points of every graded cell, the teacher's included; None for what is still to be marked."""
    points = dict(one.scores)
    for name, got in points.items():
        by_hand = written.get((one.submission.student, name), {}).get("points")
        if got is None and by_hand:
            points[name] = float(by_hand)
    return points


def row_of(one: Graded, written: dict[tuple, dict[str, str]], work: Work) -> dict[str, object]:
    """One row of the table of marks."""
    points = points_of(one, written)
    limits = full_points(work.release(one.submission.assignment))
    parts: dict[str, float | None] = {}
    numbers = list(dict.fromkeys(name[-4:] for name in points))  # in the order of the notebook
    for name, got in points.items():
        exercise = f"exercise_{numbers.index(name[-4:]) + 1}"
        part = "question" if name.startswith("answer") else exercise
        parts[part] = None if got is None else (parts.get(part) or 0) + got
    waiting = sum(got is None for got in points.values())
    return {
        "student": one.submission.student,
        "assignment": one.submission.assignment,
        "points": _number(sum(got or 0 for got in points.values())),
        "of": _number(sum(limits.values())),
        "to_mark": waiting,
        "late": "late" if one.submission.late else "",
        "person": len(one.human),
        "file": one.submission.origin,
        **{part: "" if got is None else _number(got) for part, got in sorted(parts.items())},
    }


# Pages ---------------------------------------------------------------------------------------


def feedback(one: Graded, written: dict[tuple, dict[str, str]], work: Work) -> tuple[str, str]:
    """Title and body of a student's page: points and the first complaint of every check."""
    release = work.release(one.submission.assignment)
    points, limits = points_of(one, written), full_points(release)
    title = f"{one.submission.student} · {one.submission.assignment}"
    total = sum(got or 0 for got in points.values())
    body = [
        f"<h1>{escape(title)}</h1><p class=sum>{_number(total)} of {_number(sum(limits.values()))}"
        " points</p>"
    ]
    if any(got is None for got in points.values()):
        body.append("<p>Written answers are still to be marked.</p>")
    headings = headings_of(release)
    for name, got in points.items():
        if name.startswith(("check", "answer")):
            body.append(f"<h2>{escape(headings[name[-4:]])}</h2>")
        kind = {"check": "The check that you saw", "hidden": "The checks on other inputs"}
        label = kind.get(name.split("-")[0], "Your answer")
        full = got is not None and got >= limits[name]
        colour = "open" if got is None else "full" if full else "lost"
        shown = "to be marked" if got is None else f"{_number(got)} of {_number(limits[name])}"
        body.append(f"<p class={colour}>{label}: {shown}</p>")
        if not full and (text := one.complaints.get(name)):
            body.append(f"<pre>{escape(text)}</pre>")
        if comment := written.get((one.submission.student, name), {}).get("comment"):
            body.append(f"<blockquote>{escape(comment)}</blockquote>")
    notes = [note for note in one.human if "restored" in note or "taken out" in note]
    body += [f"<p><small>{escape(note)}</small></p>" for note in notes]
    return title, "\n".join(body)


def answers(graded: list[Graded], assignment: str, work: Work) -> tuple[str, str]:
    """Title and body of a page to mark from: each question, its scheme, all answers in a row."""
    from nbconvert.filters import markdown2html

    title = f"Written answers · {assignment}"
    body = [f"<h1>{title}</h1>", "<p>Enter points and comments in <code>written.csv</code>.</p>"]
    source = nbformat.reads(work.reference(assignment).decode(), as_version=4)
    texts = {grade_id(cell): cell.source for cell in source.cells}
    for name in [name for name in texts if name.startswith("answer-")]:
        scheme = texts[name].replace("### BEGIN SOLUTION\n", "").replace("\n### END SOLUTION", "")
        question = texts[name.replace("answer", "question")]
        body.append(f"{markdown2html(question)}<div class=scheme>{markdown2html(scheme)}</div>")
        for one in graded:
            if one.notebook is not None and one.scores.get(name, 0) is None:
                given = next(c.source for c in one.notebook.cells if grade_id(c) == name)
                body.append(f"<h2>{escape(one.submission.student)}</h2>")
                body.append(f"<blockquote>{escape(given)}</blockquote>")
    return title, "\n".join(body)


def headings_of(release: NotebookNode) -> dict[str, str]:
    """The heading of every exercise and question, by its number (`00-1`)."""
    texts = [c for c in release.cells if grade_id(c).startswith(("task-", "question-"))]
    return {
        grade_id(cell)[-4:]: cell.source.partition("\n")[0].strip("# ").strip() for cell in texts
    }


def _page_name(one: Graded) -> str:
    return f"{slug(one.submission.student)}-{one.submission.assignment}.html"


def _zip_for_moodle(folder: Path, marked: list[Graded]) -> None:
    """`feedback.zip` with the pages under the names by which Moodle knows whose they are."""
    pages = {}
    for one in marked:
        if place := moodle_folder(one.submission.origin):
            name = f"{place}/feedback-{one.submission.assignment}.html"
            pages[name] = folder / "feedback" / _page_name(one)

    def write(part: Path) -> None:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, page in pages.items():
                archive.write(page, name)

    if pages:
        write_whole(folder / "feedback.zip", write)


def _page(path: Path, title: str, body: str) -> None:
    text = PAGE.format(title=escape(title), body=body)
    write_whole(path, lambda part: part.write_text(text, encoding="utf-8"))


def _number(value: float) -> str:
    """3.0 as `3`, 2.5 as `2.5`."""
    return f"{value:g}"
