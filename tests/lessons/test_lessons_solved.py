"""A lesson runs on what its learner wrote: right solutions leave it green, wrong ones break it.

Right ones: see `answers`. Wrong ones: `wrong/NN.py`; each must fail its own check, and the first of
an exercise, used in spite of that, must show further down. Both have one form: the head of a block
is the exercise and a few words, its code takes the place of the stub's cell.

    # %% 01-1 in two branches
    def generator_loss(fake_logits): ...
"""

import copy
from pathlib import Path
from types import ModuleType

import nbformat
import pytest
import torch
from answers import right_ones
from kernel import errors, run, tags
from nbformat import NotebookNode

from classroom.exercise_parts import tag
from classroom.mutants import solutions
from classroom.slicing import free_names, needed, statements
from tools import lessons

HERE = Path(__file__).parent
MASTERS = [path for path in lessons.masters([]) if not lessons.is_further(path)]


WRONG = {path.stem: solutions(path) for path in sorted((HERE / "wrong").glob("*.py"))}
EVERY_WRONG = [
    pytest.param(number, name, code, id=f"{name} {what}")
    for number, exercises in WRONG.items()
    for name, kinds in exercises.items()
    for what, code in kinds.items()
]
FIRST_WRONG = [
    pytest.param(number, name, next(iter(kinds.values())), id=name)
    for number, exercises in WRONG.items()
    for name, kinds in exercises.items()
]


def solved(notebook: NotebookNode, answers: dict[str, str]) -> NotebookNode:
    """A lesson with answers in the place of stubs."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        kind, name, _ = tag(cell)
        if kind == "exercise" and name in answers:
            cell.source = answers[name]
    return notebook


def exercises(notebook: NotebookNode) -> list[str]:
    """The names of a lesson's exercises."""
    return [tag(cell)[1] for cell in notebook.cells if tag(cell)[0] == "exercise"]


def text(cell: NotebookNode) -> str:
    """What a cell printed, and its value."""
    outputs = cell.get("outputs", [])
    shown = [o.get("text", "") or o.get("data", {}).get("text/plain", "") for o in outputs]
    return "".join(shown).strip()


def committed(master: Path) -> dict[str, str]:
    """Source to text of the cells that print the same on every machine and in every profile.

    Not of checks: theirs say whose code the lesson goes on with.
    """
    notebook = nbformat.read(lessons.notebook_path(master), as_version=4)
    compared = [
        c for c in notebook.cells if "nbval-check-output" in tags(c) and tag(c)[0] != "check"
    ]
    return {cell.source: text(cell) for cell in compared if cell.outputs}


def strange(notebook: NotebookNode, expected: dict[str, str]) -> list[str]:
    """The cells that raise, and the compared ones that do not print what they should."""
    return [
        f"{cell['id']}: {errors(cell) or text(cell)}"
        for cell in notebook.cells
        if cell.cell_type == "code"
        and (errors(cell) or expected.get(cell.source, text(cell)) != text(cell))
    ]


def without_check(notebook: NotebookNode, name: str) -> NotebookNode:
    """A lesson that goes on with the attempt at one exercise, whatever its check says."""
    notebook = copy.deepcopy(notebook)
    place = next(i for i, cell in enumerate(notebook.cells) if tag(cell)[:2] == ("check", name))
    off = "checked, check = check, lambda attempt, *_: attempt"
    notebook.cells.insert(place, nbformat.v4.new_code_cell(off))
    notebook.cells.insert(place + 2, nbformat.v4.new_code_cell("check = checked"))
    return notebook


@pytest.mark.slow
@pytest.mark.parametrize("master", MASTERS, ids=lambda path: path.stem)
def test_right_solutions_leave_a_lesson_green(master: Path, tmp_path: Path):
    lesson = lessons.build(master)
    answers = right_ones(master)
    assert set(exercises(lesson)) <= set(answers), "an exercise without a second right solution"
    lesson = solved(lesson, answers)
    run(lesson, tmp_path)
    assert strange(lesson, committed(master)) == []
    said = {tag(cell)[1]: text(cell) for cell in lesson.cells if tag(cell)[0] == "check"}
    unsaid = [name for name, line in said.items() if "goes on with yours" not in line]
    assert unsaid == [], "the lesson does not go on with the learner's"


@pytest.mark.parametrize(("number", "name", "code"), EVERY_WRONG)
def test_a_wrong_solution_fails_its_check(number, name, code, monkeypatch, tmp_path):
    monkeypatch.setenv("INPAINTLIB_PROFILE", "ci")
    monkeypatch.setenv("INPAINTLIB_DATA", "drawn")
    monkeypatch.setenv("INPAINTLIB_RUNS", str(tmp_path))
    program = []
    for cell in lessons.build(*lessons.masters([number])).cells:
        if tag(cell)[:2] == ("check", name):
            break
        if "elsewhere" in tags(cell):  # fetches the course, in the words of IPython
            continue
        wrong = code if tag(cell)[:2] == ("exercise", name) else cell.source
        program += statements(wrong) if cell.cell_type == "code" else []
    kept = "\n".join(part.source for part in needed(free_names(cell.source), program))
    module = ModuleType("lesson")
    exec(compile(kept, "before the check", "exec"), vars(module))
    with pytest.raises(AssertionError) as caught:
        exec(compile(cell.source, "check", "exec"), vars(module))
    assert len(str(caught.value)) > 20, "the message does not say what is wrong"


@pytest.mark.slow
@pytest.mark.parametrize(("number", "name", "code"), FIRST_WRONG)
def test_a_wrong_solution_shows_later_in_the_lesson(number, name, code, tmp_path):
    (master,) = lessons.masters([number])
    lesson = without_check(solved(lessons.build(master), {name: code}), name)
    run(lesson, tmp_path, past_errors=False)
    assert strange(lesson, committed(master)) != [], "no cell below the check shows it"


@pytest.mark.parametrize("number", WRONG)
def test_every_exercise_has_a_wrong_solution(number):
    assert set(exercises(lessons.build(*lessons.masters([number])))) == set(WRONG[number])


def test_lesson_10s_reference_computes_its_loss_where_the_pictures_are():
    """Noise and times are drawn on the CPU, and the lesson trains on a GPU where there is one."""
    cells = lessons.build(*lessons.masters(["10"])).cells
    (reference,) = (cell.source for cell in cells if tag(cell)[:2] == ("solution", "10-1"))
    names = {"torch": torch}
    exec(reference, names)
    elsewhere = torch.zeros(2, 3, 4, 4, device="meta")
    loss = names["flow_loss_reference"](
        lambda state, time: state * time.view(-1, 1, 1, 1),
        elsewhere,
        generator=torch.Generator().manual_seed(0),
    )
    assert loss.device == elsewhere.device
