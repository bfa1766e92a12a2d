"""Assignments agree with their masters, and with the right and wrong solutions kept for them."""

import re
import tomllib

import nbformat
import pytest

from classroom import assignments, mutants, slicing
from classroom.course import ASSIGNMENTS
from classroom.grading.rebuild import grade_id
from tools import lessons

NAMES = [path.stem for path in assignments.lessons_with_assignment()]
each_assignment = pytest.mark.parametrize("name", NAMES)


# The assignments -----------------------------------------------------------------------------


@each_assignment
def test_sources_agree_with_the_masters(name: str):  # `make check` makes the releases again, too
    built = assignments.build(lessons.NOTEBOOKS / "source" / f"{name}.py")
    path = ASSIGNMENTS / "source" / name / f"{name}.ipynb"
    assert nbformat.writes(built) == path.read_text(encoding="utf-8").rstrip("\n")


def test_every_lesson_has_an_assignment():
    assert [path.stem for path in lessons.masters([]) if not lessons.is_further(path)] == NAMES


def test_there_are_as_many_exercises_as_promised():
    counts = [len(mutants.Assignment.read(name).exercises) for name in NAMES]
    assert all(2 <= count <= 5 for count in counts), dict(zip(NAMES, counts, strict=True))
    assert 25 <= sum(counts) <= 45


@each_assignment
def test_the_student_sees_stubs_and_no_hidden_check(name: str):
    release = (ASSIGNMENTS / "release" / name / f"{name}.ipynb").read_text(encoding="utf-8")
    assert "def hidden_" not in release
    assert "Marking scheme" not in release
    cells = {grade_id(cell): cell for cell in json_cells(release)}
    for exercise in mutants.Assignment.read(name).exercises:
        stub = cells[f"solution-{exercise}"].source
        assert stub.rstrip().endswith("raise NotImplementedError")
        assert "### BEGIN" not in stub


@each_assignment
def test_points_stand_where_they_are_said(name: str):
    release = (ASSIGNMENTS / "release" / name / f"{name}.ipynb").read_text(encoding="utf-8")
    cells = json_cells(release)
    said = [
        int(n) for cell in cells for n in re.findall(r"^[●○]+ · .*?(\d+) points", cell.source, re.M)
    ]
    total = int(re.search(r"\*\*Points\*\* (\d+)", cells[0].source).group(1))
    graded = {grade_id(c): c.metadata.nbgrader.points for c in cells if c.metadata.nbgrader.grade}
    assert sum(said) == total == sum(graded.values())
    minutes = int(re.search(r"about (\d+) minutes", cells[0].source).group(1))
    guide = (ASSIGNMENTS / "README.md").read_text(encoding="utf-8")
    assert re.search(rf"^\| {int(name[:2])} \| .* \| {total} \| {minutes} \|$", guide, re.M)


def json_cells(text: str) -> list:
    """The cells of a notebook's file."""
    return nbformat.reads(text, as_version=4).cells


def test_every_exercise_has_wrong_solutions_that_still_fit():
    table = tomllib.loads((ASSIGNMENTS / "mutants.toml").read_text(encoding="utf-8"))
    exercises = {}
    for name in NAMES:
        assignment = mutants.Assignment.read(name)
        exercises |= {exercise: assignment.solution(exercise) for exercise in assignment.exercises}
    assert table.keys() == exercises.keys()
    for exercise, changes in table.items():
        assert len(changes) >= mutants.LEAST
        for change in changes.values():
            compile(mutants.mutant(exercises[exercise], change), exercise, "exec")


def test_every_exercise_has_right_solutions_in_other_styles():
    for name in NAMES:
        bank = mutants.right_solutions(name)
        assert bank.keys() == set(mutants.Assignment.read(name).exercises)
        for exercise, styles in bank.items():
            assert len(styles) >= mutants.STYLES, exercise


def test_one_lesson_against_its_right_and_wrong_solutions():
    table = tomllib.loads((ASSIGNMENTS / "mutants.toml").read_text(encoding="utf-8"))
    rows, problems = mutants.examine(mutants.Assignment.read("01_vanilla_gan"), table)
    assert problems == []
    assert all(points < full for *_, points, full, _ in rows)


# Slicing -------------------------------------------------------------------------------------


def test_a_slice_holds_what_a_name_depends_on():
    program = slicing.statements(
        "from a import b, c\nx = b(1)\n# its comment\ny = [0]\ny[0] = x\nz = c(2)\n"
        "def f(x):\n    return x + y[0]\nx = 3\n"
    )
    kept = [statement.source for statement in slicing.needed({"f"}, program)]
    f = "def f(x):\n    return x + y[0]"
    assert kept == ["from a import b", "x = b(1)", "# its comment\ny = [0]", "y[0] = x", f]
    with pytest.raises(ValueError, match=r"never defined.*\['unknown'\]"):
        slicing.needed({"unknown"}, program)
