"""A student's answers in the assignment as it was handed out.

What a student may change is taken over, what is locked is not; so edited checks, deleted, copied or
moved cells and foreign kernels cost nobody a mark, and every notebook that nbgrader sees is sound.
"""

import json

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell


def rebuild(content: bytes, release: NotebookNode) -> tuple[NotebookNode, list[str]]:
    """The release with a student's answers and added cells, and notes on what was restored.

    Args:
        content: the file that was handed in.
        release: the assignment as students got it.

    Raises:
        ValueError: the file is not a notebook.
    """
    try:
        theirs = nbformat.reads(content.decode("utf-8-sig"), as_version=4).cells
        for cell in theirs:
            text = cell.get("source") or ""
            whole = text if isinstance(text, str) else "".join(map(str, text))
            cell.source = whole.encode("utf-8", "replace").decode()  # half an emoji
            cell.setdefault("metadata", {})
    except Exception as error:  # nbformat raises what its many readers raise
        raise ValueError(f"not a notebook: {error}") from error
    known = {grade_id(cell): cell for cell in release.cells}
    answers, extras, notes = _sort(theirs, known)

    rebuilt = nbformat.from_dict(json.loads(json.dumps(release)))
    cells = list(extras.get("", []))
    place = 0  # behind the last cell that they kept, before what they added there
    for cell in rebuilt.cells:
        name, marks = grade_id(cell), cell.metadata.nbgrader
        if name not in answers:
            notes.append(f"{name} was missing and is restored")
            if marks.solution or not marks.grade:  # an answer in a cell of their own runs later
                cells.insert(place, cell)
                place += 1
                continue
        elif marks.solution:
            cell.source = answers[name]
        elif cell.cell_type == "code" and answers[name].split() != cell.source.split():
            notes.append(f"{name} was changed and is restored")
        cells.append(cell)
        place = len(cells)
        cells += extras.get(name, [])
    for number, cell in enumerate(cell for cell in cells if not grade_id(cell)):
        cell["id"] = f"extra-{number}"
    rebuilt.cells = cells
    return rebuilt, notes


def _sort(
    theirs: list[NotebookNode], known: dict[str, NotebookNode]
) -> tuple[dict[str, str], dict[str, list[NotebookNode]], list[str]]:
    """Sources of known cells by name, added code by the known cell before it, notes.

    A text that a student has added above or below the cell for a written answer is part of it.
    """
    answers: dict[str, str] = {}
    extras: dict[str, list[NotebookNode]] = {}
    beside: dict[str, str] = {}  # texts of their own, by question
    notes, last = [], ""
    for cell in theirs:
        name = grade_id(cell)
        if name in known and name not in answers:
            answers[name], last = cell.source, name
            continue
        if name in known:
            notes.append(f"{name} stood there twice")
            if not known[name].metadata.nbgrader.solution or cell.source == known[name].source:
                continue  # a check or an untouched stub
            if cell.cell_type == "markdown":
                answers[name] += f"\n\n{cell.source}"
        if cell.cell_type == "code":
            extras.setdefault(last, []).append(new_code_cell(cell.source))
        kind, _, question = last.partition("-")
        if cell.cell_type == "markdown" and kind in ("question", "answer") and name not in known:
            beside[question] = f"{beside.get(question, '')}\n\n{cell.source}".rstrip()
    for question, text in beside.items():
        if text and f"answer-{question}" in answers:
            answers[f"answer-{question}"] += text
    return answers, extras, notes


def grade_id(cell: NotebookNode) -> str:
    """nbgrader's name of a cell; empty for one that the student added."""
    marks = cell.metadata.get("nbgrader")
    return str(marks.get("grade_id", "")) if isinstance(marks, dict) else ""
