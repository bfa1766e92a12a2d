"""A class of made students, each with one trouble, and the marks that they deserve."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from classroom.course import ASSIGNMENTS
from classroom.grading.rebuild import grade_id

NAME = "00_holes"
FULL = {"1": 3, "2": 3, "3": 4}  # points by exercise

ENDLESS = "    while True:\n        pass\n"
STUBBORN = """\
    while True:
        try:
            while True:
                pass
        except KeyboardInterrupt:
            pass
"""
HOG = "    hoard = []\n    while True:\n        hoard.append(torch.ones(10_000_000))\n"
THIEF = """\
    import os, pathlib, socket, subprocess
    loot = []
    def attempt(crime):
        try:
            loot.append(crime())
        except Exception:
            pass
    attempt(lambda: [p.read_text() for p in pathlib.Path('{assignments}').rglob('*.ipynb')])
    attempt(lambda: pathlib.Path('{target}').write_text('was here'))
    attempt(lambda: os.system('touch {target}'))
    attempt(lambda: subprocess.run(['touch', '{target}']))
    attempt(lambda: socket.create_connection(('127.0.0.1', 9), timeout=1))
    attempt(lambda: os.remove('{target}.precious'))
    raise RuntimeError(f'caught with {{len(str(loot))}} characters')
"""


@dataclass
class Student:
    """A student's notebook and what it should get.

    Attributes:
        points: by exercise; what is not named gets full points.
        told: words that the list for a person must hold about them; empty: not on the list.
    """

    notebook: NotebookNode | bytes
    points: dict[str, int]
    told: str = ""

    @property
    def content(self) -> bytes:
        """The file."""
        if isinstance(self.notebook, bytes):
            return self.notebook
        return nbformat.writes(self.notebook).encode()


def read(part: str, name: str = NAME) -> NotebookNode:
    """An assignment's `source` or `release`."""
    return nbformat.read(ASSIGNMENTS / part / name / f"{name}.ipynb", as_version=4)


def cell_of(notebook: NotebookNode, name: str) -> NotebookNode:
    """The cell with that grade id."""
    return next(cell for cell in notebook.cells if grade_id(cell) == name)


def solved(name: str = NAME) -> NotebookNode:
    """The release with the reference solutions and a written answer."""
    notebook, source = read("release", name), read("source", name)
    for cell in notebook.cells:
        if cell.metadata.nbgrader.solution:
            cell.source = cell_of(source, grade_id(cell)).source
        if grade_id(cell).startswith("answer"):
            cell.source = "I ask for scores in the hole, and for the spread."
    return notebook


def changed(name: str, change: Callable[[str], str]) -> NotebookNode:
    """A solved notebook in which one cell is changed."""
    notebook = solved()
    cell = cell_of(notebook, name)
    before = cell.source
    cell.source = change(before)
    assert cell.source != before
    return notebook


def replaced(exercise: str, body: str) -> NotebookNode:
    """A solved notebook with another body in one exercise."""
    return changed(
        f"solution-00-{exercise}",
        lambda source: source[: source.index("    ### BEGIN SOLUTION")] + body,
    )


def without(*names: str) -> NotebookNode:
    """A solved notebook in which cells are missing."""
    notebook = solved()
    notebook.cells = [cell for cell in notebook.cells if grade_id(cell) not in names]
    return notebook


def twice(*names: str) -> NotebookNode:
    """A solved notebook in which cells stand twice, as after copy and paste."""
    notebook = solved()
    for name in names:
        at = notebook.cells.index(cell_of(notebook, name))
        pasted = copy.deepcopy(notebook.cells[at])
        pasted["id"] += "-pasted"
        notebook.cells.insert(at + 1, pasted)
    return notebook


def with_edited_checks() -> NotebookNode:
    """A wrong exercise 3 with checks that pass everything."""
    notebook = replaced("3", "    return (mask * (prediction - target)).abs().mean()\n")
    cell_of(notebook, "check-00-3").source = "print('correct')"
    cell_of(notebook, "hidden-00-3").source = "assert True"
    return notebook


def with_other_kernel() -> NotebookNode:
    """A solved notebook that names a kernel of the student's own, and has a cell added."""
    notebook = solved()
    notebook.metadata.kernelspec = {"name": "my-conda-env", "display_name": "Mine"}
    notebook.cells.append(new_code_cell("print('my own cell')"))
    return notebook


def class_of(target: Path) -> dict[str, Student]:
    """The class; the thief's goods are at `target`."""
    goods = {"assignments": ASSIGNMENTS, "target": target}
    own = (
        "    from inpaintlib import losses\n    return losses.masked_l1(prediction, target, mask)\n"
    )
    leave = "    import os\n    os._exit(0)\n"
    swap = ("height - side + 1, (batch,)", "width - side + 1, (batch,)")
    average = (
        "squares.sum(dim=(1, 2, 3)) / count",
        "(squares.sum() / count.sum()).expand(len(image))",
    )
    return {
        "perfect": Student(solved(), {}),
        "empty": Student(read("release"), {"1": 0, "2": 0, "3": 0}),
        "swapped": Student(changed("solution-00-1", lambda s: s.replace(*swap)), {"1": 0}),
        "averaged": Student(changed("solution-00-2", lambda s: s.replace(*average)), {"2": 0}),
        "syntax": Student(changed("solution-00-2", lambda s: s + "\n    return ("), {"2": 0}),
        "imported": Student(replaced("3", own), {"3": 0}),
        "endless": Student(replaced("3", ENDLESS), {"3": 0}),
        "stubborn": Student(replaced("3", STUBBORN), {"3": 0}),
        "hog": Student(replaced("1", HOG), {"1": 0}, "used all its 2 GB of memory"),
        "quitter": Student(replaced("2", leave), {"2": 0}, "taken out"),
        "deleted": Student(without("check-00-1", "hidden-00-2", "setup"), {}, "was missing"),
        "forgot": Student(without("solution-00-3"), {"3": 0}, "solution-00-3 was missing"),
        "doubled": Student(twice("check-00-1", "solution-00-2"), {}, "stood there twice"),
        "edited": Student(with_edited_checks(), {"3": 0}, "check-00-3 was changed"),
        "kernel": Student(with_other_kernel(), {}),
        "thief": Student(replaced("2", THIEF.format(**goods)), {"2": 0}, "not allowed"),
    }
