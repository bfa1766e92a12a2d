"""One submission through nbgrader, in a process of its own.

    python -m classroom.grading.autograde FOLDER      started by run.py

FOLDER holds the course (nbgrader's database) and the rebuilt notebook. The process writes
`result.json`; if it is killed, nobody else's work is touched.
"""

import json
import os
import re
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from classroom.course import ASSIGNMENTS, ROOT, course
from classroom.grading.kernel import VARIABLE
from classroom.grading.rebuild import grade_id

MEMORY = 2_000_000_000  # bytes of a student's kernel
STUDENT = "student"  # inside its folder every submission is this one's
TAKEN_OUT = "raise RuntimeError('taken out while grading: this cell stopped Python')"


def main() -> None:
    """Grade the notebook in the folder; take out cells that kill the kernel, and go on."""
    folder, assignment = Path(sys.argv[1]).resolve(), sys.argv[2]
    prepare_kernel(folder)
    path = folder / "submitted" / STUDENT / assignment / f"{assignment}.ipynb"
    running: dict[str, str] = {}
    nbgrader = course(folder)
    nbgrader.config.Execute.on_cell_start = lambda cell, **_: running.update(cell=cell["id"])
    taken_out: list[str] = []
    while True:
        running.clear()
        done = nbgrader.autograde(assignment, STUDENT, force=True)
        if done["success"]:
            break
        notebook = nbformat.read(path, as_version=4)
        culprit = blame(running.get("cell", ""), notebook)
        if culprit is None or culprit["id"] in taken_out:
            raise RuntimeError(done["log"])
        culprit.source = TAKEN_OUT
        taken_out.append(culprit["id"])
        nbformat.write(notebook, path)
    graded = folder / "autograded" / STUDENT / assignment / path.name
    result = {
        "scores": scores(nbgrader.coursedir.db_url, assignment),
        "complaints": complaints(
            nbformat.read(graded, as_version=4), nbgrader.config.Execute.timeout
        ),
        "taken_out": taken_out,
    }
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")


def prepare_kernel(folder: Path) -> None:
    """Let every notebook run in the fenced kernel, whatever kernel it names."""
    home = folder / "jupyter"
    scratch = folder / "scratch"
    for path in (home / "kernels" / "python3", scratch):
        path.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "classroom.grading.kernel", "-f", "{connection_file}"]
    spec = {"argv": command, "display_name": "Python 3", "language": "python"}
    (home / "kernels" / "python3" / "kernel.json").write_text(json.dumps(spec))
    hidden = [str(folder.parent), *(str(ROOT / name) for name in ("tests", ".git"))]
    settings = {
        "memory": MEMORY,
        "scratch": str(scratch),
        "log": str(folder / "blocked.txt"),
        "hidden": [*hidden, str(ASSIGNMENTS)],
    }
    os.environ.update(
        {VARIABLE: json.dumps(settings), "JUPYTER_PATH": str(home), "TMPDIR": str(scratch)},
        IPYTHONDIR=str(scratch / "ipython"),
        JUPYTER_RUNTIME_DIR=str(scratch),
        PYTHONWARNINGS="ignore",  # nbgrader gives no points to a check that writes to stderr
        INPAINTLIB_DATA="drawn",
        OMP_NUM_THREADS="1",
    )


def blame(running: str, notebook: NotebookNode) -> NotebookNode | None:
    """The student's cell that stopped the kernel: the running one, or the one that it checks."""
    cells = {grade_id(cell) or cell["id"]: cell for cell in notebook.cells}
    name = re.sub(r"^(check|hidden)-", "solution-", running)
    return cells.get(name) if name.startswith(("solution-", "extra-")) else None


def scores(database: str, assignment: str) -> dict[str, float | None]:
    """Points of every graded cell; None for what a person must mark."""
    from nbgrader.api import Gradebook

    with Gradebook(database, "inpainting") as gradebook:
        grades = gradebook.find_submission(assignment, STUDENT).notebooks[0].grades
        return {
            grade.cell.name: None if grade.needs_manual_grade else float(grade.auto_score or 0)
            for grade in grades
        }


def complaints(notebook: NotebookNode, seconds: int) -> dict[str, str]:
    """The first error of every cell that has one, by the cell's name; a cell had `seconds`."""
    found = {}
    silent = {
        "KeyboardInterrupt: ": f"stopped after {seconds} seconds: an endless loop?",
        "NotImplementedError: ": "not started: it still raises NotImplementedError",
    }
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                text = f"{output.ename}: {output.evalue}"
                text = silent.get(text, text.removeprefix("AssertionError: "))
                found.setdefault(grade_id(cell) or cell["id"], text[:500])
    return found


if __name__ == "__main__":
    main()
