"""Assignments agree with their masters; the parts of the grader, without a kernel."""

import csv
import json
import os
import re
import tomllib
import zipfile
from datetime import datetime
from pathlib import Path

import nbformat
import pytest
import torch
import torch.nn.functional as F
from classroom import NAME, read, solved

from inpaintlib.exercises import check_alone
from inpaintlib.grading.collect import Submission, collect
from inpaintlib.grading.course import ASSIGNMENTS
from inpaintlib.grading.kernel import fence
from inpaintlib.grading.rebuild import grade_id, rebuild
from inpaintlib.grading.report import write_report
from inpaintlib.grading.work import Graded, full_points, suspicious
from tools import assignments, lessons, mutants, slicing

NAMES = [path.stem for path in assignments.lessons_with_assignment()]
each_assignment = pytest.mark.parametrize("name", NAMES)


# The assignments -----------------------------------------------------------------------------


@each_assignment
def test_sources_agree_with_the_masters(name: str):  # `make check` makes the releases again, too
    built = assignments.build(lessons.NOTEBOOKS / "source" / f"{name}.py")
    path = ASSIGNMENTS / "source" / name / f"{name}.ipynb"
    assert nbformat.writes(built) == path.read_text(encoding="utf-8").rstrip("\n")


def test_every_lesson_has_an_assignment():
    assert [path.stem for path in lessons.masters([])] == NAMES


def test_there_are_as_many_exercises_as_promised():
    counts = [len(mutants.Assignment.read(name).exercises) for name in NAMES]
    assert all(2 <= count <= 4 for count in counts), dict(zip(NAMES, counts, strict=True))
    assert 25 <= sum(counts) <= 30


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


def test_one_lesson_against_its_wrong_solutions():
    table = tomllib.loads((ASSIGNMENTS / "mutants.toml").read_text(encoding="utf-8"))
    rows, problems = mutants.examine(mutants.Assignment.read(NAME), table)
    assert problems == []
    assert all(points < full for _, _, points, full, _ in rows)


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


# The package's own version is switched off ---------------------------------------------------


def test_an_attempt_cannot_call_what_is_switched_off():
    def test(function):
        assert function(-1.0) == F.relu(torch_scalar(-1.0)), "the test itself may call it"

    def honest(x):
        return max(x, 0.0)

    def borrowed(x):
        return F.relu(torch_scalar(x))

    check_alone(honest, test, without=["torch.nn.functional.relu"])
    with pytest.raises(AssertionError, match="relu is switched off"):
        check_alone(borrowed, test, without=["torch.nn.functional.relu"])
    assert F.relu(torch_scalar(2.0)) == 2, "afterwards it is back"


def torch_scalar(value: float):
    return torch.tensor(value)


# Collecting ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "student"),
    [
        ("alice.ipynb", "alice"),
        ("alice (1).ipynb", "alice"),
        ("alice-00_holes.ipynb", "alice"),
        ("00_holes_bob-2.ipynb", "bob"),
        ("Ada Lovelace_12345_assignsubmission_file_/homework.ipynb", "Ada Lovelace_12345"),
        ("Ada Lovelace_12345_assignsubmission_file_homework.ipynb", "Ada Lovelace_12345"),
        ("lovelaceada_LATE_4711_99_00_holes-1.ipynb", "lovelaceada_4711"),
        ("carol/00_holes/00_holes.ipynb", "carol"),
    ],
)
def test_who_handed_in(tmp_path: Path, name: str, student: str):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(read("release")))
    (found,), rejected = collect(tmp_path, NAMES)
    assert (found.student, found.assignment, rejected) == (student, NAME, [])
    assert found.late == ("LATE" in name)


def test_the_newest_of_several_files_counts(tmp_path: Path):
    text = json.dumps(read("release"))
    inner = tmp_path / "in.zip"
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("work.ipynb", text)
    place = tmp_path / "all.zip"
    with zipfile.ZipFile(place, "w") as archive:
        for hour, content in [(9, text), (11, text + " "), (10, text)]:
            info = zipfile.ZipInfo(f"alice/{hour}.ipynb", (2026, 5, 1, hour, 0, 0))
            archive.writestr(info, content)
        archive.writestr("bob/work.zip", inner.read_bytes())
        archive.writestr("carl/essay.docx", b"PK nothing")
        archive.writestr("dora/other.ipynb", json.dumps({"cells": []}))
        archive.writestr("__MACOSX/alice/._9.ipynb", b"x")
        archive.writestr("../../evil.ipynb", text)
    chosen, rejected = collect(place, NAMES, datetime(2026, 5, 1, 10, 30))
    by_name = {one.student: one for one in chosen}
    assert by_name["alice"].origin == "alice/11.ipynb"
    assert by_name["alice"].late
    assert "that was on time" in by_name["alice"].notes[-1]
    assert by_name["bob"].origin == "bob/work.zip/work.ipynb"
    assert sorted(one.student for one in rejected) == ["carl", "dora"]
    assert sorted(tmp_path.parent.rglob("evil.ipynb")) == []


def test_nothing_handed_in(tmp_path: Path):
    with pytest.raises(ValueError, match="no file was handed in"):
        collect(tmp_path, NAMES)
    with pytest.raises(ValueError, match="expected a folder or a zip"):
        collect(tmp_path / "missing", NAMES)


# Rebuilding ----------------------------------------------------------------------------------


def test_rebuilding_keeps_answers_and_restores_the_rest():
    theirs = solved()
    theirs.cells[3].source += "\n# mine"
    assert grade_id(theirs.cells[3]) == "solution-00-1"
    theirs.cells[4].source = "assert True"  # the check
    del theirs.cells[1]  # the set-up
    content = json.dumps(theirs).encode()
    rebuilt, notes = rebuild(content, read("release"))
    assert [grade_id(c) for c in rebuilt.cells] == [grade_id(c) for c in read("release").cells]
    assert rebuilt.cells[3].source.endswith("# mine")
    assert rebuilt.cells[4].source == read("release").cells[4].source
    assert notes == ["setup was missing", "check-00-1 was changed"]
    with pytest.raises(ValueError, match="not a notebook"):
        rebuild(b"%PDF", read("release"))


def test_words_that_no_exercise_needs():
    notebook = solved()
    assert suspicious(notebook) == []
    notebook.cells[3].source += "\nimport inspect"
    assert suspicious(notebook) == ["uses inspect: read the code"]


def test_full_points():
    assert sum(full_points(read("release")).values()) == 14


# The fence -----------------------------------------------------------------------------------


def test_the_fence(tmp_path: Path):
    scratch, hidden = tmp_path / "scratch", tmp_path / "hidden"
    scratch.mkdir()
    hidden.mkdir()
    log = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT)
    hook = fence(scratch.resolve(), [hidden.resolve()], log)
    for event, arguments in [
        ("open", (str(tmp_path / "file"), "r", 0)),
        ("open", (str(scratch / "file"), "w", 0)),
        ("open", (3, "w", 0)),
        ("os.remove", (str(scratch / "file"), -1)),
        ("import", ("os",)),
    ]:
        hook(event, arguments)
    for event, arguments in [
        ("open", (str(hidden / "file"), "r", 0)),
        ("open", (str(scratch / ".." / "file"), "w", 0)),
        ("open", (str(tmp_path / "file"), None, os.O_WRONLY | os.O_CREAT)),
        ("os.remove", (str(tmp_path / "file"), -1)),
        ("os.system", ("ls",)),
        ("subprocess.Popen", ("ls", ["ls"], None, None)),
        ("socket.connect", (None, ("127.0.0.1", 80))),
    ]:
        with pytest.raises(PermissionError, match="not allowed while grading"):
            hook(event, arguments)
    os.close(log)
    assert len((tmp_path / "log").read_text().splitlines()) == 7


# Reporting -----------------------------------------------------------------------------------


class Prepared:
    """What the report asks of a `Work`, without nbgrader."""

    def release(self, _: str):
        return read("release")

    def reference(self, name: str) -> bytes:
        return (ASSIGNMENTS / "source" / name / f"{name}.ipynb").read_bytes()


def test_points_by_hand_are_kept_and_added(tmp_path: Path):
    handed_in = Submission("=alice", NAME, "alice.ipynb", b"", datetime(2026, 5, 1))
    scores = {"check-00-1": 2.0, "hidden-00-1": 0.0, "answer-00-4": None}
    told = {"hidden-00-1": "every place must be <b>as likely</b>"}
    graded = Graded(handed_in, scores, told, ["setup was missing"], solved())
    out = tmp_path / "marks.csv"
    write_report([graded], out, Prepared())
    row = rows_of(out)[0]
    assert (row["points"], row["of"], row["to_mark"], row["question"]) == ("2", "14", "1", "")
    assert row["exercise_1"] == "2"
    assert row["student"] == "'=alice", "a spreadsheet must not take a name for a formula"
    page = next((tmp_path / "marks/feedback").iterdir()).read_text(encoding="utf-8")
    assert "every place must be &lt;b&gt;as likely" in page
    to_read = (tmp_path / f"marks/answers-{NAME}.html").read_text(encoding="utf-8")
    assert "I ask for scores in the hole" in to_read
    assert "Spread and pairing" in to_read

    by_hand = tmp_path / "marks/written.csv"
    text = by_hand.read_text(encoding="utf-8-sig")
    assert text.rstrip().endswith("answer-00-4,4,,")
    by_hand.write_text(text.replace("4,4,,", "4,4,2.5,Well asked"), encoding="utf-8")
    write_report([graded], out, Prepared())
    row = rows_of(out)[0]
    assert (row["points"], row["to_mark"], row["question"]) == ("4.5", "0", "2.5")
    page = next((tmp_path / "marks/feedback").iterdir()).read_text(encoding="utf-8")
    assert "Well asked" in page
    by_hand.write_text(text.replace("4,4,,", "4,4,5,"), encoding="utf-8")
    with pytest.raises(ValueError, match="expected 0 to 4 points, got '5'"):
        write_report([graded], out, Prepared())


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a table."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))
