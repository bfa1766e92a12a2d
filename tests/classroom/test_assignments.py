"""Assignments agree with their masters; the parts of the grader, without a kernel."""

import csv
import json
import os
import re
import subprocess
import sys
import time
import tomllib
import zipfile
from datetime import UTC, datetime
from html import escape
from pathlib import Path

import nbformat
import psutil
import pytest
import torch
import torch.nn.functional as F
from made_class import NAME, read, solved

from classroom import assignments, mutants, slicing
from classroom.course import ASSIGNMENTS
from classroom.grading import run
from classroom.grading.autograde import complaints
from classroom.grading.collect import Submission, collect
from classroom.grading.kernel import fence
from classroom.grading.rebuild import grade_id, rebuild
from classroom.grading.report import write_report
from classroom.grading.tables import read_table, write_table
from classroom.grading.work import Graded, full_points, stop, suspicious
from classroom.grading.written import CHANGED, COLUMNS
from inpaintlib import cli
from inpaintlib.notebook.exercises import check_alone
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
        ("müllerhans_LATE_1001_2002_00_holes.ipynb", "müllerhans_1001"),
        ("alice_00_holes.ipynb", "alice"),
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


MOODLES = "Ada Lovelace_12345_assignsubmission_file_"


@pytest.mark.parametrize(
    ("names", "students"),
    [
        (["week3/alice.ipynb", "week3/zoe.ipynb", "read-me.txt"], ["alice", "zoe"]),
        (["week3/us/alice/00_holes.ipynb", "week3/us/zoe/00_holes.ipynb"], ["alice", "zoe"]),
        (["alice/00_holes.ipynb", "zoe/00_holes.ipynb"], ["alice", "zoe"]),
        (["alice/00_holes.ipynb", "alice/00_holes-2.ipynb", "alice/notes.txt"], ["alice"]),
        ([f"{MOODLES}/one.ipynb", f"{MOODLES}/two.ipynb"], ["Ada Lovelace_12345"]),
        ([f"week3/{MOODLES}/one.ipynb", "week3/bob.ipynb"], ["Ada Lovelace_12345", "bob"]),
    ],
)
def test_a_folder_around_a_class_is_no_student(
    tmp_path: Path, names: list[str], students: list[str]
):
    place = tmp_path / "all.zip"
    with zipfile.ZipFile(place, "w") as archive:
        for name in names:
            archive.writestr(name, json.dumps(read("release")) if "ipynb" in name else "hello")
    chosen, _ = collect(place, NAMES)
    assert [one.student for one in chosen] == students
    assert {one.origin for one in chosen} <= set(names)


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
        archive.writestr("eve/broken.zip", inner.read_bytes().replace(b"work", b"wxyz", 1))
        archive.writestr("fay/half.zip", inner.read_bytes()[:-30])
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
    assert sorted(one.student for one in rejected) == ["carl", "dora", "eve", "fay"]
    assert sorted(tmp_path.parent.rglob("evil.ipynb")) == []


def test_work_stops_with_all_that_it_has_started():
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'pow(3, 10**9)'], "
    code += "start_new_session=True)"
    process = subprocess.Popen([sys.executable, "-c", code])
    family = psutil.Process(process.pid)
    while not family.children():
        time.sleep(0.05)
    (child,) = family.children()
    stop(process)
    child.wait(timeout=10)
    assert not psutil.pid_exists(process.pid)


def test_after_an_error_what_has_not_begun_is_not_begun(tmp_path: Path, monkeypatch):
    begun = []

    def grade(_: object, one: Submission) -> None:
        begun.append(one.student)
        time.sleep(0.1)
        raise KeyboardInterrupt

    monkeypatch.setattr(run.Work, "course", None)
    monkeypatch.setattr(run.Work, "check", lambda *_: None)
    monkeypatch.setattr(run.Work, "grade", grade)
    for name in "abcdefgh":
        (tmp_path / f"{name}.ipynb").write_text(json.dumps(read("release")))
    with pytest.raises(KeyboardInterrupt):
        run.grade(tmp_path, tmp_path / "marks.csv", jobs=1, say=begun.append)
    assert len(begun) < 8


def test_nothing_handed_in(tmp_path: Path):
    with pytest.raises(ValueError, match="no file was handed in"):
        collect(tmp_path, NAMES)
    with pytest.raises(ValueError, match="expected a folder or a zip"):
        collect(tmp_path / "missing", NAMES)


def test_times_of_a_download_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def stop(*_: object) -> None:
        raise InterruptedError("grading begins")

    monkeypatch.setattr(run, "ThreadPoolExecutor", stop)
    monkeypatch.setattr(run.Work, "course", None)
    place = tmp_path / "all"
    place.mkdir()
    said: list[str] = []
    for name, saved in [("alice", 3000), ("zoe", 2000)]:
        path = place / f"{name}.ipynb"
        path.write_text(json.dumps(read("release")))
        os.utime(path, (saved, saved))
    for due in (1000, 2500):
        with pytest.raises(InterruptedError):
            run.grade(place, tmp_path / "m.csv", due=datetime.fromtimestamp(due), say=said.append)
    assert len(said) == 1, "only when every file is late"
    assert said[0].startswith(f"every file is later than {datetime.fromtimestamp(1000)}")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2027-01-31", datetime(2027, 1, 31, 23, 59, 59)),
        ("2027-01-31 18:00", datetime(2027, 1, 31, 18)),
        (datetime(2027, 1, 31, 18).astimezone(UTC).isoformat(), datetime(2027, 1, 31, 18)),
    ],
)
def test_due_times(written: str, meant: datetime):
    options = cli._parser().parse_args(["grade", "in", "--due", written])
    assert options.due == meant


def test_a_due_time_that_cannot_be_read(capsys: pytest.CaptureFixture):
    with pytest.raises(SystemExit):
        cli.main(["grade", "in", "--due", "31.1.2027"])
    assert "expected '2027-01-31 18:00', got '31.1.2027'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "table"),
    [("w/week3", "w/week3.csv"), ("week3.csv", "week3.csv"), ("week3.b", "week3.b.csv")],
)
def test_the_table_and_the_folder_of_its_name_differ(given: str, table: str):
    assert cli._parser().parse_args(["grade", "in", "-o", given]).out == Path(table)


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
        ("os.rename", (str(scratch / "file"), str(tmp_path / "file"), -1, -1)),
        ("os.system", ("ls",)),
        ("subprocess.Popen", ("ls", ["ls"], None, None)),
        ("socket.connect", (None, ("127.0.0.1", 80))),
    ]:
        with pytest.raises(PermissionError, match="not allowed while grading"):
            hook(event, arguments)
    os.close(log)
    assert len((tmp_path / "log").read_text().splitlines()) == 8


# Complaints ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("raise NotImplementedError", "not started: it still raises NotImplementedError"),
        ("raise NotImplementedError('on a GPU')", "NotImplementedError: on a GPU"),
        ("raise KeyboardInterrupt", "stopped after 7 seconds: an endless loop?"),
        ("assert False, 'the hole is too small'", "the hole is too small"),
        ("{}['a']", "KeyError: 'a'"),
    ],
)
def test_complaints_are_words(code: str, told: str):
    cell = nbformat.v4.new_code_cell(code, metadata={"nbgrader": {"grade_id": "check-00-1"}})
    try:
        exec(code)  # what IPython writes into the notebook of an error
    except BaseException as error:
        name, value = type(error).__name__, str(error)
    cell.outputs = [nbformat.v4.new_output("error", ename=name, evalue=value)]
    assert complaints(nbformat.v4.new_notebook(cells=[cell]), 7) == {"check-00-1": told}


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
    assert "answer-00-4,4,,,sha-" in text
    by_hand.write_text(text.replace("4,4,,", "4,4,2.5,Well asked"), encoding="utf-8")
    write_report([graded], out, Prepared())
    row = rows_of(out)[0]
    assert (row["points"], row["to_mark"], row["question"]) == ("4.5", "0", "2.5")
    page = next((tmp_path / "marks/feedback").iterdir()).read_text(encoding="utf-8")
    assert "Well asked" in page
    by_hand.write_text(text.replace("4,4,,", "4,4,5,"), encoding="utf-8")
    with pytest.raises(ValueError, match="expected 0 to 4 points, got '5'"):
        write_report([graded], out, Prepared())


def handed_in(student: str = "alice", answer: str = "the spread", origin: str = "") -> Graded:
    """A submission of which only the written answer is left to mark."""
    notebook = solved()
    next(c for c in notebook.cells if grade_id(c) == "answer-00-4").source = answer
    submission = Submission(student, NAME, origin, b"", datetime(2026, 5, 1))
    return Graded(submission, {"check-00-1": 2.0, "answer-00-4": None}, notebook=notebook)


def test_an_answer_that_changes_after_it_was_marked(tmp_path: Path):
    out, by_hand = tmp_path / "marks.csv", tmp_path / "marks/written.csv"

    def report(answer: str) -> list[str]:
        one = handed_in(answer=answer)
        write_report([one], out, Prepared())
        return one.human

    assert report("the mean") == []
    assert report("the spread") == [], "nothing was marked yet"
    (row,) = rows_of(by_hand)
    write_table(by_hand, COLUMNS, [row | {"points": "3"}])
    assert report("the spread") == []
    for _ in range(2):  # the note stays
        assert report("a poem") == [CHANGED]
        assert rows_of(out)[0]["points"] == "5"
    assert CHANGED in (tmp_path / "marks/needs-a-person.csv").read_text(encoding="utf-8")
    assert rows_of(by_hand)[0]["answer"] == row["answer"]
    write_table(by_hand, COLUMNS, [row | {"points": "1", "answer": ""}])
    assert report("a poem") == []
    assert report("a poem") == []
    assert report("the spread") == [CHANGED]


def test_spreadsheets_save_tables_in_many_ways(tmp_path: Path):
    out, by_hand = tmp_path / "marks.csv", tmp_path / "marks/written.csv"
    students = ["=alice", "zoé müller"]
    write_report([handed_in(name) for name in students], out, Prepared())
    for comment in ("- der Abstand; größer", "=> 'gut'", "'so', sagt sie"):
        for encoding in ("utf-8", "utf-8-sig", "cp1252"):
            for delimiter in ",;	":
                rows = [row | {"points": "3,5", "comment": comment} for row in rows_of(by_hand)]
                with by_hand.open("w", newline="", encoding=encoding) as file:
                    table = csv.DictWriter(file, COLUMNS, delimiter=delimiter)
                    table.writeheader()
                    table.writerows(rows)
                for _ in range(2):  # what it wrote itself, too
                    write_report([handed_in(name) for name in students], out, Prepared())
                    assert [row["points"] for row in rows_of(out)] == ["5.5", "5.5"]
                    assert {row["comment"] for row in read_table(by_hand, COLUMNS)} == {comment}
                    assert [row["student"] for row in read_table(by_hand, COLUMNS)] == students
                page = next((tmp_path / "marks/feedback").glob("zo*")).read_text(encoding="utf-8")
                assert f"<blockquote>{escape(comment)}</blockquote>" in page


def test_a_table_that_cannot_be_read(tmp_path: Path):
    path = tmp_path / "written.csv"
    path.write_text("student,points\nalice,3\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"written.csv: no column comment"):
        read_table(path, ["student", "points", "comment"])
    path.write_text("student,points\nalice,3,5\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"written.csv: row 2 has more cells"):
        read_table(path, ["student", "points"])


def test_feedback_returns_through_moodle(tmp_path: Path):
    origin = "in.zip/Ada Lovelace_12345_assignsubmission_file"
    graded = [
        handed_in("Ada Lovelace_12345", origin=f"{origin}/work.ipynb"),
        handed_in("Bob_7", origin="Bob_7_assignsubmission_file_work.ipynb"),
        handed_in("carol", origin="carol.ipynb"),
    ]
    write_report(graded, tmp_path / "marks.csv", Prepared())
    with zipfile.ZipFile(tmp_path / "marks/feedback.zip") as archive:
        assert archive.namelist() == [
            f"Ada Lovelace_12345_assignsubmission_file_/feedback-{NAME}.html",
            f"Bob_7_assignsubmission_file_/feedback-{NAME}.html",
        ]
        assert b"<h1>Bob_7" in archive.read(archive.namelist()[1])
    write_report(graded[2:], tmp_path / "other.csv", Prepared())
    assert not (tmp_path / "other/feedback.zip").exists()


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a table."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))
