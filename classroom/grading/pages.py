"""Pages of HTML: what a student reads, and a student's code for the teacher."""

from html import escape
from pathlib import Path

import mistune
from nbformat import NotebookNode
from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexers.python import PythonLexer

from classroom.grading.by_hand import ByHand
from classroom.grading.rebuild import grade_id
from classroom.grading.work import Graded, Work, full_points, slug
from inpaintlib.data.writing import write_whole

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; style-src 'unsafe-inline'; img-src data:; {policy}">
<meta name="viewport" content="width=device-width"><title>{title}</title><style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 3rem auto; padding: 0 1rem;
  color: #1d2733; }}
h1 {{ font-size: 1.5rem; margin-bottom: .2rem; }} h2 {{ font-size: 1.1rem; margin-top: 2rem; }}
.sum {{ font-size: 1.2rem; color: #0b6e99; }}
.full {{ color: #18794e; }} .lost {{ color: #b3541e; }}
pre, .scheme {{ background: #f4f6f8; padding: .7rem 1rem; border-radius: 6px; }}
pre {{ white-space: pre-wrap; font: 14px/1.45 ui-monospace, monospace; }}
blockquote {{ margin: .5rem 0; padding-left: 1rem; border-left: 3px solid #cdd5dd; }}
small {{ color: #5b6875; }} section.now {{ outline: 3px solid #0b6e99; outline-offset: .6rem; }}
{style}
</style><body>
{body}
</body></html>
"""
WORDS = {"check": "The check that you saw", "hidden": "The checks on other inputs"}
# Raw HTML of a student is shown as text, and links lead nowhere harmful.
markdown = mistune.create_markdown(escape=True, plugins=["table", "strikethrough"])


def write_page(path: Path, title: str, body: str, *, style: str = "", policy: str = "") -> None:
    """Write a page; it appears whole or not at all."""
    text = PAGE.format(title=escape(title), body=body, style=style, policy=policy)
    write_whole(path, lambda part: part.write_text(text, encoding="utf-8", errors="replace"))


def page_name(one: Graded) -> str:
    """The name of a student's page for an assignment; no two students share one."""
    return f"{slug(one.submission.student)}-{one.submission.assignment}.html"


def feedback(one: Graded, by_hand: ByHand, work: Work) -> tuple[str, str]:
    """Title and body of a student's page: points, and what each failed check says."""
    release = work.release(one.submission.assignment)
    points, limits = by_hand.points(one), full_points(release)
    title = f"{one.submission.student} · {one.submission.assignment}"
    body = [f"<h1>{escape(title)}</h1><p class=sum>{summary(points, limits)}</p>"]
    if one.status:
        body.append(f"<p class=lost>{escape(one.status)}: ask your teacher.</p>")
    headings, code = headings_of(release), sources(one.notebook)
    shown = ""
    for name, got in points.items():
        if name[-4:] != shown:
            shown = name[-4:]
            body.append(f"<h2>{escape(headings[shown])}</h2>")
        body += _cell_feedback(one, name, got, limits[name], by_hand.comment(one, name))
        exercise = [points.get(f"{kind}-{shown}") for kind in ("check", "hidden")]
        lost = None not in exercise and sum(exercise) < sum(  # ty: ignore
            limits[f"{kind}-{shown}"] for kind in ("check", "hidden")
        )
        if name.startswith("hidden") and lost and code.get(f"solution-{shown}", "").strip():
            body.append(f"<p><small>Your code</small></p><pre>{_lines(code, shown)}</pre>")
    notes = [why for why in one.human if "is restored" in why or "taken out" in why]
    body += [f"<p><small>{escape(note)}</small></p>" for note in notes]
    return title, "\n".join(body)


def _lines(code: dict[str, str], exercise: str) -> str:
    """A student's answer with the numbers of its lines, which the messages name."""
    lines = code[f"solution-{exercise}"].rstrip().splitlines()
    return "\n".join(f"{number:3}  {escape(line)}" for number, line in enumerate(lines, start=1))


def _cell_feedback(
    one: Graded, name: str, got: float | None, limit: float, comment: str
) -> list[str]:
    """The lines about one graded cell."""
    label = WORDS.get(name.split("-")[0], "Your answer")
    full = got is not None and got >= limit
    colour = "open" if got is None else "full" if full else "lost"
    value = "to be marked" if got is None else f"{number(got)} of {number(limit)}"
    lines = [f"<p class={colour}>{label}: {value}</p>"]
    if not full and (text := one.complaints.get(name)):
        lines.append(f"<pre>{escape(text)}</pre>")
    if comment:
        lines.append(f"<blockquote>{escape(comment)}</blockquote>")
    return lines


def summary(points: dict[str, float | None], limits: dict[str, float]) -> str:
    """`9 of 10 points so far, 4 to be marked`."""
    marked = {name: got for name, got in points.items() if got is not None}
    got, of = sum(marked.values()), sum(limits[name] for name in marked)
    waiting = sum(limits[name] for name in points if name not in marked)
    more = f" so far, {number(waiting)} to be marked" if waiting else ""
    return f"{number(got)} of {number(of)} points{more}"


def code_page(one: Graded) -> tuple[str, str, str]:
    """Title, body and style of a page with a student's code, each cell under its name."""
    formatter = HtmlFormatter(nowrap=True)
    title = f"{one.submission.student} · {one.submission.assignment} · code"
    body = [f"<h1>{escape(title)}</h1>"]
    for cell in one.notebook.cells if one.notebook else []:
        name = grade_id(cell) or cell["id"]
        if name.startswith(("solution", "extra", "answer")):
            shown = (
                markdown(cell.source)
                if cell.cell_type == "markdown"
                else f"<pre>{highlight(cell.source, PythonLexer(), formatter)}</pre>"
            )
            body.append(f'<h2 id="{escape(name)}">{escape(name)}</h2>{shown}')
    return title, "\n".join(body), str(formatter.get_style_defs("pre"))


def sources(notebook: NotebookNode | None) -> dict[str, str]:
    """The source of every cell by its name."""
    return {grade_id(c): c.source for c in notebook.cells} if notebook else {}


def headings_of(release: NotebookNode) -> dict[str, str]:
    """The heading of every exercise and question, by its number (`00-1`)."""
    texts = [c for c in release.cells if grade_id(c).startswith(("task-", "question-"))]
    return {
        grade_id(cell)[-4:]: cell.source.partition("\n")[0].strip("# ").strip() for cell in texts
    }


def number(value: float) -> str:
    """3.0 as `3`, 2.5 as `2.5`."""
    return f"{value:g}"
