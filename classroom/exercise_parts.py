"""The exercises of an assignment, read from a lesson's master and the assignment's own."""

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import jupytext
from nbformat import NotebookNode

from classroom.course import ASSIGNMENTS
from classroom.slicing import Statement, statements
from tools.lessons import LessonError

PARTS = ("task", "given", "exercise", "hint", "solution", "check", "hidden", "reflect")
STUB = "raise NotImplementedError"


@dataclass
class Exercise:
    """One exercise or written question: its parts by kind, and what the lesson defined so far."""

    name: str  # 01-2
    points: int = 0
    parts: dict[str, str] = field(default_factory=dict)
    before: list[Statement] = field(default_factory=list)

    @property
    def function(self) -> str:
        """The name of what the student writes."""
        return next(
            node.name
            for node in ast.parse(self.parts["exercise"]).body
            if isinstance(node, ast.FunctionDef | ast.ClassDef)
        )

    @property
    def statement(self) -> str:
        """Its text for the student."""
        return self.parts.get("task") or self.parts["reflect"]

    @property
    def title(self) -> str:
        """The heading without its marks."""
        return matched(r"^### (.+)$", self.statement)[1]

    @property
    def marks(self) -> str:
        """How difficult it is, in filled circles."""
        return matched(r"^([●○]+) · ", self.statement)[1]

    @property
    def minutes(self) -> int:
        """How long it takes."""
        return int(matched(r"^[●○]+ · (\d+) minutes", self.statement)[1])


def matched(pattern: str, text: str) -> re.Match[str]:
    """The first place where a text has a pattern, `^` and `$` being those of a line.

    Raises:
        LessonError: it does not have it.
    """
    if match := re.search(pattern, text, re.M):
        return match
    raise LessonError(f"expected {pattern!r} in\n{text}")


def exercises(master: Path) -> list[Exercise]:
    """The exercises and questions of a lesson, with what its assignment's own master adds."""
    found: dict[str, Exercise] = {}
    program: list[Statement] = []
    task, given = "", []
    for cell in jupytext.read(master, fmt="py:percent").cells:
        kind, name, points = tag(cell)
        if cell.cell_type == "markdown" and (
            heading := re.search(r"^### Exercise", cell.source, re.M)
        ):
            task, given = cell.source[heading.start() :], []
        elif kind == "exercise":
            parts = {"task": task, "given": "\n\n\n".join(given), "exercise": cell.source}
            found[name] = Exercise(name, parts=parts)
        elif kind in PARTS:
            exercise = found.setdefault(name, Exercise(name))
            exercise.parts[kind] = cell.source
            exercise.points = points or exercise.points
            exercise.before = list(program)
        elif cell.cell_type == "code":
            program += statements(cell.source)
            given.append(cell.source)
        elif cell.source.startswith("<details><summary>Hint") and found:
            list(found.values())[-1].parts.setdefault("hint", cell.source)
    extend(found, ASSIGNMENTS / "masters" / master.name)
    return chosen(found)


def chosen(found: dict[str, Exercise]) -> list[Exercise]:
    """Those with hidden checks, in the order of their names, numbered anew; then the question."""
    coding = [found[name] for name in sorted(found) if "hidden" in found[name].parts]
    for number, exercise in enumerate(coding, start=1):
        new = f"### Exercise {number} ·"
        exercise.parts["task"] = re.sub(r"^### Exercise \d+ ·", new, exercise.parts["task"])
    return coding + [exercise for exercise in found.values() if "reflect" in exercise.parts]


def extend(found: dict[str, Exercise], path: Path) -> None:
    """Add the cells of the assignment's own master; its untagged cells are known to all of them."""
    cells = jupytext.read(path, fmt="py:percent").cells if path.exists() else []
    known = [
        statement
        for cell in cells
        if cell.cell_type == "code" and not tag(cell)[0]
        for statement in statements(cell.source)
    ]
    for cell in cells:
        kind, name, points = tag(cell)
        if kind in PARTS:
            exercise = found.setdefault(name, Exercise(name))
            exercise.parts[kind] = cell.source
            exercise.points = points or exercise.points
    for exercise in found.values():
        exercise.before = exercise.before + known


def tag(cell: NotebookNode) -> tuple[str, str, int]:
    """(kind, exercise, points) of a cell; empty without such a tag."""
    for text in cell.metadata.get("tags", []):
        if match := re.fullmatch(r"(\w+):(\d\d-\d)(?::(\d+))?", text):
            return match[1], match[2], int(match[3] or 0)
    return "", "", 0


def solved(exercise: Exercise) -> str:
    """The exercise's cell with the reference solution between nbgrader's marks.

    Raises:
        LessonError: a stub has no counterpart in the solution.
    """
    stub = exercise.parts["exercise"].splitlines()
    source = re.sub(r"(\w+)_reference\b", r"\1", exercise.parts["solution"])
    answers = bodies_of(source)
    for name, (_, end) in sorted(bodies_of("\n".join(stub)).items(), key=lambda x: -x[1][0]):
        if stub[end - 1].strip() != STUB:
            continue
        if name not in answers:
            raise LessonError(f"{exercise.name}: the solution has no {name}")
        first, last = answers[name]
        indent = stub[end - 1][: -len(STUB)]
        body = source.splitlines()[first - 1 : last]
        stub[end - 1 : end] = [f"{indent}### BEGIN SOLUTION", *body, f"{indent}### END SOLUTION"]
    return "\n".join(stub)


def bodies_of(source: str) -> dict[str, tuple[int, int]]:
    """First and last line of the body, without docstring, of every function and method by name."""
    found: dict[str, tuple[int, int]] = {}

    def walk(nodes: Iterable[ast.stmt], prefix: str) -> None:
        for node in nodes:
            if isinstance(node, ast.ClassDef):
                walk(node.body, f"{prefix}{node.name}.")
            elif isinstance(node, ast.FunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                found[prefix + node.name] = (body[0].lineno, node.end_lineno or body[-1].lineno)

    walk(ast.parse(source).body, "")
    return found


def switched_off(hidden: str) -> list[str]:
    """What the hidden checks say must not be called: the comment `# without: a.b, c.d`."""
    return re.findall(r"[\w.]+", " ".join(re.findall(r"^# without: (.+)$", hidden, re.M)))


def with_call(source: str, exercise: Exercise, without: list[str]) -> str:
    """A check's function, and its call on the student's work alone."""
    tree = ast.parse(source)
    tests = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    lines = re.sub(r"^# without: .+\n", "", source, flags=re.M)
    if isinstance(tree.body[-1], ast.Expr | ast.Assign):  # the lesson's own call of `check`
        lines = "\n".join(source.splitlines()[: tree.body[-1].lineno - 1])
    off = f", without={without!r}".replace("'", '"') if without else ""
    call = f"check_alone({exercise.function}, {tests[-1].name}{off})"
    if len(call) > 100:
        call = (
            call.replace("(", "(\n    ", 1).replace(", without=", ",\n    without=")[:-1] + ",\n)"
        )
    return f"{lines.strip()}\n\n\n{call}"
