"""From the lessons' masters to assignments for a class, and the proof that they agree.

    python -m classroom.assignments build     write assignments/source and assignments/release
    python -m classroom.assignments check     fail when they are not what the masters say

An assignment is made of the exercises of notebooks/source/NN_name.py and, from
assignments/masters/NN_name.py, of cells tagged `hidden:NN-k` (checks on other inputs); an
exercise without stays out. Cells there with another tag (`task:`, `given:`, `exercise:` …) replace
the lesson's, or add an exercise.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from classroom.course import ASSIGNMENTS, release
from classroom.exercise_parts import Exercise, exercises, matched, solved, switched_off, with_call
from classroom.slicing import Statement, free_names, needed, statements
from tools.lessons import NOTEBOOK_METADATA, LessonError, masters

CHECK = "inpaintlib.notebook.exercises"
READING = 15  # minutes beside the exercises': reading, setting up, running all again


# Build ---------------------------------------------------------------------------------------


def build(master: Path) -> NotebookNode:
    """The graded source of a lesson's assignment.

    Raises:
        LessonError: an exercise lacks a part, or its stub and solution do not fit together.
    """
    every = exercises(master)
    setup: list[Statement] = []
    bodies: list[NotebookNode] = []
    given: set[str] = set()
    for exercise in every:
        if "reflect" in exercise.parts:
            bodies += question(exercise)
            continue
        missing = {"task", "exercise", "solution", "check"} - set(exercise.parts)
        if missing:
            raise LessonError(f"{exercise.name}: no cell {sorted(missing)}")
        cells, imports = coding(exercise, given)
        bodies += cells
        setup += imports
    title = matched(r"^# # \d+ · (.+)$", master.read_text(encoding="utf-8"))[1]
    cells = [
        text_cell("header", header(master.stem[:2], title, every)),
        code_cell("setup", set_up(setup)),
        *bodies,
    ]
    return new_notebook(cells=cells, metadata=nbformat.from_dict(NOTEBOOK_METADATA))


def coding(exercise: Exercise, given: set[str]) -> tuple[list[NotebookNode], list[Statement]]:
    """The cells of an autograded exercise, and the imports that they need."""
    name, parts = exercise.name, exercise.parts
    solution, without = solved(exercise), switched_off(parts["hidden"])
    visible = with_call(parts["check"], exercise, without)
    hidden = with_call(parts["hidden"], exercise, without)
    code = "\n".join([parts.get("given", ""), solution, visible, hidden])
    slice_ = needed(free_names(code) - {"check_alone"}, exercise.before)
    fresh = [s for s in slice_ if not s.is_import and s.source not in given]
    own = {line.source for line in statements(parts.get("given", ""))}
    given |= {s.source for s in fresh} | own
    shown = [joined([s for s in fresh if s.source not in own]), parts.get("given", "")]
    text = "\n\n".join([parts["task"], *([parts["hint"]] if "hint" in parts else [])])
    tests = "# Checks on other inputs, when you have handed in.\n### BEGIN HIDDEN TESTS\n"
    cells = [
        text_cell(f"task-{name}", text),
        *([code_cell(f"given-{name}", "\n\n\n".join(filter(None, shown)))] if any(shown) else []),
        code_cell(f"solution-{name}", solution, solution=True),
        code_cell(f"check-{name}", visible, points=(exercise.points + 1) // 2),
        code_cell(
            f"hidden-{name}", f"{tests}{hidden}\n### END HIDDEN TESTS", points=exercise.points // 2
        ),
    ]
    return cells, [s for s in slice_ if s.is_import]


def question(exercise: Exercise) -> list[NotebookNode]:
    """The cells of a written question: the text, and the answer with its marking scheme."""
    folded = r"(?s)(.*?)<details><summary>.*?</summary>(.*)</details>"
    text, scheme = matched(folded, exercise.parts["reflect"]).groups()
    answer = f"### BEGIN SOLUTION\n**Marking scheme.** {scheme.strip()}\n### END SOLUTION"
    return [
        text_cell(f"question-{exercise.name}", text.strip()),
        text_cell(f"answer-{exercise.name}", answer, points=exercise.points, solution=True),
    ]


def set_up(imports: list[Statement]) -> str:
    """The set-up cell: imports in groups as in the lessons, one line a module."""
    sources = {s.source for s in imports} - {"import inpaintlib"}
    ours = {s for s in sources if "inpaintlib" in s} | {f"from {CHECK} import check_alone"}
    standard = {s for s in sources if s.split()[1].split(".")[0] in sys.stdlib_module_names}
    first = "import inpaintlib  # before torch: it sets how torch's threads wait for each other"
    groups = [import_lines(group) for group in (standard, sources - standard - ours, ours) if group]
    return "\n\n".join([first, *groups])


def import_lines(sources: set[str]) -> str:
    """Imports sorted, those from one module joined."""
    plain = sorted(source for source in sources if source.startswith("import "))
    modules: dict[str, list[str]] = {}
    for source in sorted(sources - set(plain)):
        module, _, name = source.partition(" import ")
        modules.setdefault(module, []).append(name)
    return "\n".join([*plain, *(f"{m} import {', '.join(n)}" for m, n in modules.items())])


def header(number: str, title: str, every: list[Exercise]) -> str:
    """The first cell: what to do, in which time, for how many points."""
    rows = [f"| {e.title} | {e.marks} | {e.minutes} | {e.points} |" for e in every]
    points = sum(exercise.points for exercise in every)
    written = sum(exercise.points for exercise in every if "reflect" in exercise.parts)
    values = {
        "number": int(number),
        "title": title,
        "minutes": READING + sum(exercise.minutes for exercise in every),
        "points": points,
        "written": written,
        "automatic": points - written,
        "rows": "\n".join(rows),
    }
    return (ASSIGNMENTS / "header.md").read_text(encoding="utf-8").strip().format(**values)


# Cells ---------------------------------------------------------------------------------------


def joined(parts: list[Statement]) -> str:
    """Statements as one cell, with blank lines around definitions."""
    text = ""
    for before, part in zip([None, *parts], parts, strict=False):
        wide = before and (before.is_definition or part.is_definition)
        text += ("\n\n\n" if wide else "\n" if before else "") + part.source
    return text


def text_cell(name: str, source: str, **more: Any) -> NotebookNode:
    """A locked text, or with `solution` an answer."""
    return new_markdown_cell(
        source, id=name, metadata={"nbgrader": marks(name, "markdown", **more)}
    )


def code_cell(name: str, source: str, **more: Any) -> NotebookNode:
    """Locked code, with `points` a check, with `solution` the student's."""
    # so that JupyterLab's "run all" goes on where something fails
    tags = {"tags": ["raises-exception"]} if more else {}
    metadata = {"nbgrader": marks(name, "code", **more), **tags}
    return new_code_cell(source, id=name, metadata=metadata)


def marks(name: str, kind: str, *, points: int | None = None, solution: bool = False) -> dict:
    """nbgrader's metadata of a cell (its schema 3)."""
    grade = {} if points is None else {"points": points}
    return {
        "cell_type": kind,
        "grade": points is not None,
        "grade_id": name,
        "locked": not solution,
        "schema_version": 3,
        "solution": solution,
        "task": False,
        **grade,
    }


# Command line --------------------------------------------------------------------------------


def lessons_with_assignment() -> list[Path]:
    """The masters of the lessons for which assignments/masters has hidden checks."""
    return [path for path in masters([]) if (ASSIGNMENTS / "masters" / path.name).exists()]


def generate(folder: Path) -> None:
    """Write every source into `folder/source`, and what students get into `folder/release`."""
    for master in lessons_with_assignment():
        path = folder / "source" / master.stem / f"{master.stem}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(build(master), path)
    release(folder)


def generated(folder: Path) -> dict[str, str]:
    """Every generated notebook by its path."""
    return {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8")
        for part in ("source", "release")
        for path in sorted((folder / part).rglob("*.ipynb"))
    }


def differences() -> list[str]:
    """The generated notebooks that are not what the masters say."""
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        expected, actual = generated(Path(folder)), generated(ASSIGNMENTS)
    return sorted(p for p in expected.keys() | actual.keys() if expected.get(p) != actual.get(p))


def main() -> int:
    """Run one command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=["build", "check"])
    try:
        if parser.parse_args().command == "build":
            for part in ("source", "release"):
                shutil.rmtree(ASSIGNMENTS / part, ignore_errors=True)
            generate(ASSIGNMENTS)
        elif found := differences():
            raise LessonError(
                "\n".join([*found, "differs from its master. Then: make assignments"])
            )
    except LessonError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{len(lessons_with_assignment())} assignments agree with their masters")
    return 0


if __name__ == "__main__":
    sys.exit(main())
