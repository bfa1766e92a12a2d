"""Right and wrong solutions against the checks: which lose points, which slip through.

    python -m classroom.mutants [00 01 …]     prints the table; fails when a right solution, a stub
                                              or the table is not as it must be

Right ones stand in assignments/right, in several styles. A wrong one is a reference with one change
(assignments/mutants.toml), or of a kind (classroom/kinds.py). The cells run in this process, so
that hundreds of them take a few minutes; the grader's own way is tried in tests/classroom.
"""

import contextlib
import io
import os
import re
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import nbformat

from classroom.course import ASSIGNMENTS
from classroom.grading.examine import checked_function
from classroom.kinds import kinds_for, of_kind

CAUGHT = 0.95  # of all wrong solutions must lose points
LEAST = 3  # wrong solutions an exercise
STYLES = 3  # right solutions an exercise, beside the reference


@dataclass
class Assignment:
    """The graded source of a lesson, ready to run any solution of any of its exercises."""

    name: str
    cells: dict[str, str] = field(default_factory=dict)
    points: dict[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, name: str) -> "Assignment":
        """From assignments/source, the code only."""
        path = ASSIGNMENTS / "source" / name / f"{name}.ipynb"
        code = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
        marks = {cell.metadata.nbgrader.grade_id: cell.metadata.nbgrader for cell in code}
        return cls(
            name,
            {cell.metadata.nbgrader.grade_id: cell.source for cell in code},
            {grade: mark["points"] for grade, mark in marks.items() if mark["grade"]},
        )

    @property
    def exercises(self) -> list[str]:
        """The names of its autograded exercises."""
        return [grade.removeprefix("hidden-") for grade in self.cells if grade.startswith("hidden")]

    def solution(self, exercise: str) -> str:
        """The reference solution."""
        return self.cells[f"solution-{exercise}"]

    def stub(self, exercise: str) -> str:
        """What a student gets."""
        before, _, rest = self.solution(exercise).partition("    ### BEGIN SOLUTION")
        return f"{before}    raise NotImplementedError{rest.rpartition('### END SOLUTION')[2]}"

    def score(self, exercise: str, solution: str) -> tuple[int, str]:
        """The points that a solution gets, and the first complaint of a check."""
        module = ModuleType("assignment")
        sys.modules["assignment"] = module  # so that imported names are found and switched off
        got, complaint = 0, ""
        for grade, source in self.cells.items():
            if grade.startswith("solution"):
                source = solution if grade == f"solution-{exercise}" else ""
            elif "-" in grade and not grade.startswith("given") and not grade.endswith(exercise):
                continue
            try:
                with contextlib.redirect_stdout(io.StringIO()):
                    exec(compile(source, grade, "exec"), vars(module))
                got += self.points.get(grade, 0)
            except Exception as error:
                if grade not in self.points:
                    return 0, f"the cell {grade} fails: {error}"
                complaint = complaint or f"{grade}: {str(error) or type(error).__name__}"
        return got, complaint.partition("\n")[0]

    def full(self, exercise: str) -> int:
        """The points of an exercise."""
        return sum(self.points[f"{kind}-{exercise}"] for kind in ("check", "hidden"))


def right_solutions(name: str) -> dict[str, dict[str, str]]:
    """Right solutions of an assignment by exercise and style, from assignments/right."""
    return solutions(ASSIGNMENTS / "right" / f"{name}.py")


def solutions(path: Path) -> dict[str, dict[str, str]]:
    """Solutions by exercise and what is said of them, from blocks that begin `# %% 01-2 a loop`."""
    found: dict[str, dict[str, str]] = {}
    for block in re.split(r"^# %% ", path.read_text(encoding="utf-8"), flags=re.M)[1:]:
        head, _, code = block.partition("\n")
        exercise, _, style = head.partition(" ")
        found.setdefault(exercise, {})[style] = code
    return found


def mutant(solution: str, change: list[str]) -> str:
    """A solution with one change.

    Raises:
        ValueError: what is to be changed does not stand there exactly once.
    """
    old, new = change
    if solution.count(old) != 1:
        raise ValueError(f"{old!r} occurs {solution.count(old)} times in\n{solution}")
    return solution.replace(old, new)


def examine(assignment: Assignment, mutants: dict[str, dict[str, list[str]]]) -> tuple[list, list]:
    """Rows (exercise, kind, mutant, points, full, complaint) and what is wrong with the checks."""
    rows, problems = [], []
    bank = right_solutions(assignment.name)
    for exercise in assignment.exercises:
        reference, full = assignment.solution(exercise), assignment.full(exercise)
        styles = bank.get(exercise, {})
        for style, solution in {"the reference": reference, **styles}.items():
            right, complaint = assignment.score(exercise, solution)
            if right != full:
                problems.append(f"{exercise}: {style} gets {right} of {full}: {complaint}")
        if len(styles) < STYLES:
            problems.append(f"{exercise}: only {len(styles)} right solutions in other styles")
        if assignment.score(exercise, assignment.stub(exercise))[0]:
            problems.append(f"{exercise}: the stub gets points")
        function = checked_function(assignment.cells[f"check-{exercise}"])
        wrong = [
            ("its own", what, mutant(reference, change))
            for what, change in mutants.get(exercise, {}).items()
        ]
        wrong += [(kind, "", of_kind(kind, reference, function)) for kind in kinds_for(exercise)]
        for kind, what, solution in wrong:
            points, complaint = assignment.score(exercise, solution)
            rows.append((exercise, kind, what, points, full, complaint))
        caught = sum(points < full for name, _, _, points, full, _ in rows if name == exercise)
        if caught < LEAST:
            problems.append(f"{exercise}: only {caught} wrong solutions lose points")
    return rows, problems


def main() -> int:
    """Print the tables; 0 when every rule holds."""
    mutants = tomllib.loads((ASSIGNMENTS / "mutants.toml").read_text(encoding="utf-8"))
    os.environ["INPAINTLIB_DATA"] = "drawn"
    rows, problems = [], []
    for path in sorted((ASSIGNMENTS / "source").iterdir()):
        if path.name.startswith(tuple(sys.argv[1:]) or ""):
            found = examine(Assignment.read(path.name), mutants)
            rows, problems = rows + found[0], problems + found[1]
    print("exercise | wrong solution | points | what the student reads\n---|---|---|---")
    for exercise, kind, what, points, full, complaint in rows:
        told = complaint or "**not caught**"
        print(f"{exercise} | {what or kind} | {points} of {full} | {told}")
    print("\nkind | lose points\n---|---")
    for kind in dict.fromkeys(kind for _, kind, *_ in rows):
        lost = [points < full for _, this, _, points, full, _ in rows if this == kind]
        print(f"{kind} | {sum(lost)} of {len(lost)}")
    caught = sum(points < full for *_, points, full, _ in rows)
    print(f"\n{caught} of {len(rows)} wrong solutions lose points")
    if caught < CAUGHT * len(rows):
        problems.append(f"fewer than {CAUGHT:.0%} are caught")
    print("\n".join(problems))
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
