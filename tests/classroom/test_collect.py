"""What was handed in: whose it is, nobody lost, nobody merged, nothing too large."""

import io
import json
import os
import subprocess
import sys
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import nbformat
import psutil
import pytest
from made_class import NAME, read, solved
from nbformat.v4 import new_code_cell, new_markdown_cell

from classroom import assignments
from classroom.grading import archive, run
from classroom.grading.collect import Submission, collect
from classroom.grading.rebuild import grade_id, rebuild
from classroom.grading.roster import members_of, read_roster
from classroom.grading.words import suspicious
from classroom.grading.work import Graded, Work, full_points, slug, stop
from inpaintlib import cli

NAMES = [path.stem for path in assignments.lessons_with_assignment()]

# Collecting ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "student"),
    [
        ("alice.ipynb", "alice"),
        ("alice (1).ipynb", "alice (1)"),
        ("alice-00_holes.ipynb", "alice"),
        ("00_holes_bob-2.ipynb", "bob-2"),
        ("anna.klein.ipynb", "anna.klein"),
        ("J. Smith.ipynb", "J. Smith"),
        ("student-01.ipynb", "student-01"),
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

    monkeypatch.setattr(run.sandbox, "available", lambda: False)
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
    monkeypatch.setattr(run.sandbox, "available", lambda: False)
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
    said = [line for line in said if "is later" in line]
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
    theirs.cells[0].source = "My header."  # a text that is locked: restored without a word
    del theirs.cells[1]  # the set-up
    content = json.dumps(theirs).encode()
    rebuilt, notes = rebuild(content, read("release"))
    assert [grade_id(c) for c in rebuilt.cells] == [grade_id(c) for c in read("release").cells]
    assert rebuilt.cells[3].source.endswith("# mine")
    assert rebuilt.cells[4].source == read("release").cells[4].source
    assert notes == ["setup was missing and is restored", "check-00-1 was changed and is restored"]
    with pytest.raises(ValueError, match="not a notebook"):
        rebuild(b"%PDF", read("release"))


@pytest.mark.parametrize("gone", [0, 1, 2])
def test_an_answer_in_a_cell_of_their_own_runs_after_the_restored_stub(gone: int):
    """They deleted the stub, and with it the task above it, or the check below it."""
    theirs = solved()
    names = [grade_id(cell) for cell in theirs.cells]
    place = names.index("solution-00-1")
    source = theirs.cells[place].source
    first = place - (gone == 1)
    theirs.cells[first : place + 1 + (gone == 2)] = [new_code_cell(source)]
    rebuilt, _ = rebuild(nbformat.writes(theirs).encode(), read("release"))
    order = [grade_id(cell) for cell in rebuilt.cells]
    (mine,) = [number for number, cell in enumerate(rebuilt.cells) if cell.source == source]
    assert order.index("solution-00-1") < mine < order.index("check-00-1")
    assert [name for name in order if name] == names


@pytest.mark.parametrize("after", ["question-00-4", "answer-00-4"])
def test_a_text_beside_the_cell_for_the_answer_is_part_of_it(after: str):
    theirs = read("release")
    names = [grade_id(cell) for cell in theirs.cells]
    theirs.cells.insert(names.index(after) + 1, new_markdown_cell("My words."))
    theirs.cells.insert(2, new_markdown_cell("A note of mine beside the set-up."))
    rebuilt, notes = rebuild(json.dumps(theirs).encode(), read("release"))
    answer = next(cell for cell in rebuilt.cells if grade_id(cell) == "answer-00-4")
    assert answer.source.endswith("\n\nMy words.")
    assert notes == []
    assert "beside the set-up" not in json.dumps(rebuilt)


def test_words_that_no_exercise_needs():
    notebook = solved()
    assert suspicious(notebook) == {}
    notebook.cells[3].source += "\nimport inspect"
    assert suspicious(notebook) == {"solution-00-1": "uses inspect: read the code"}


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("judge.eval()", ""),
        ("input = 3\nmax = 4", ""),
        ("%matplotlib widget\n!pip install x", ""),
        ("exec('x = 1')", "exec("),
        ("globals()['check_alone'] = print", "globals("),
        ("def abs(x): return 0", "a new abs"),
        ("import torch.testing as t, ctypes", "ctypes"),
        ("from os import environ", "environ"),
        ("ip.ast_transformers.append(T())", "ast_transformers"),
        ("f.__code__ = g.__code__", "__code__"),
        ("this is no Python", ""),
    ],
)
def test_what_is_worth_reading(code: str, found: str):
    cell = nbformat.v4.new_code_cell(code, id="extra-0")
    words = suspicious(nbformat.v4.new_notebook(cells=[cell]))
    assert words == ({"extra-0": f"uses {found}: read the code"} if found else {})


def test_full_points():
    assert sum(full_points(read("release")).values()) == 22


# Nobody is lost ------------------------------------------------------------------------------


def students_of(tmp_path: Path, *names: str) -> dict[str, list[str]]:
    """Who handed in which files, with the notes on them."""
    place = tmp_path / "all.zip"
    with zipfile.ZipFile(place, "w") as file:
        for name in names:
            file.writestr(name, json.dumps(read("release")))
    chosen, rejected = collect(place, NAMES)
    assert rejected == []
    return {one.student: one.notes for one in chosen}


@pytest.mark.parametrize(
    "names",
    [
        ["anna.klein", "anna.meyer"],
        ["J. Smith", "J. Brown"],
        ["student-01", "student-02", "student-03"],
        ["Ann Lee", "Zoe Lee"],
        ["week/ada", "week/bob", "zoe"],
    ],
)
def test_names_that_differ_are_two_students(tmp_path: Path, names: list[str]):
    found = students_of(tmp_path, *(f"{name}.ipynb" for name in names))
    assert set(found) == set(names)
    assert all("the same student?" not in note for notes in found.values() for note in notes)


def test_names_that_look_alike_are_marked_and_told(tmp_path: Path):
    found = students_of(tmp_path, "ada.ipynb", "ada (1).ipynb", "Ann Lee.ipynb", "Ann-Lee.ipynb")
    assert set(found) == {"ada", "ada (1)", "Ann Lee", "Ann-Lee"}
    assert found["ada"] == ["a name like ada (1): the same student? both are marked"]
    assert found["Ann-Lee"] == ["a name like Ann Lee: the same student? both are marked"]


def test_a_folder_of_a_section_is_no_student(tmp_path: Path):
    found = students_of(tmp_path, "A/anna.ipynb", "A/bob.ipynb", "B/00_holes.ipynb")
    assert set(found) == {"A/anna", "A/bob", "B"}
    assert "one student or several?" in found["A/anna"][0]
    assert found["B"] == []


def test_pages_have_names_of_their_own():
    names = [
        "Ann Lee",
        "Ann-Lee",
        "Ann.Lee",
        "ann-lee",
        "???",
        "!!!",
        "a" * 70,
        "a" * 71,
        "Ada",
        "ada",
    ]
    assert len({slug(name).lower() for name in names}) == len(names)
    assert slug("alice") == "alice"


ROSTERS = {
    "Moodle": "First name,Last name,ID number,Email address\nAda,Lovelace,7,ada@x.org\n"
    "Grace,Hopper,8,grace.hopper@x.org\n",
    "Canvas": 'Student,ID,SIS User ID,Section\n    Points Possible,,,\n"Lovelace, Ada",12345,,A\n'
    '"Hopper, Grace",4711,,A\n',
    "names": "Ada Lovelace\nGrace Hopper\n",
    "surnames": "First name,Surname,Email\nAda,Lovelace,ada@x.org\nGrace,Hopper,g@x.org\n",
    "another language": "Vorname;Nachname;E-Mail\nAda;Lovelace;a@x.org\nGrace;Hopper;g@x.org\n",
    "last name first": "Lovelace, Ada\nHopper, Grace\n",
}


@pytest.mark.parametrize("kind", ROSTERS)
def test_the_roster(tmp_path: Path, kind: str):
    path = tmp_path / "class.csv"
    path.write_text(ROSTERS[kind])
    roster = read_roster(path)
    assert len(roster) == 2
    for student in ("Ada Lovelace_12345", "ada lovelace", "Ada Lovelace (1)", "A/Ada Lovelace"):
        (member,) = members_of(student, roster)
        assert "ada" in member.name.lower()
    assert members_of("Alan Turing", roster) == []
    if kind == "Moodle":
        assert members_of("grace.hopper", roster)[0].name == "Grace Hopper"


def test_who_handed_in_nothing_has_a_row(tmp_path: Path):
    path = tmp_path / "class.csv"
    path.write_text(ROSTERS["names"])
    handed_in = Graded(Submission("ada lovelace", NAME, "", b"", datetime.min))
    stranger = Graded(Submission("Turing", NAME, "", b"", datetime.min))
    other = Graded(Submission("ada lovelace", "", "", b"", datetime.min), status="another file")
    (missing,) = run.absent([handed_in, stranger, other], read_roster(path), [NAME])
    assert (missing.submission.student, missing.status) == ("Grace Hopper", "handed in nothing")
    assert stranger.human == ["not on the roster"]
    assert handed_in.human == []
    path.write_text("\n")
    with pytest.raises(ValueError, match="expected a table with a row per student"):
        read_roster(path)


def with_source(source: object) -> bytes:
    """A notebook with an odd source in one cell."""
    notebook = json.loads(nbformat.writes(solved()))
    cell = next(c for c in notebook["cells"] if c["id"] == "solution-00-1")
    cell["source"] = source
    return json.dumps(notebook).encode()


def test_odd_notebooks_are_read_or_refused():
    release = read("release")
    for source in ("x = '\ud83d'", None):
        rebuilt, _ = rebuild(with_source(source), release)
        nbformat.writes(rebuilt).encode()
    deep = with_source("DEEP").replace(b'"DEEP"', b"[" * 100_000 + b"]" * 100_000)
    with pytest.raises(ValueError, match="not a notebook"):
        rebuild(deep, release)


def test_whatever_goes_wrong_is_a_row_for_a_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> None:
        raise RuntimeError("the disk is on fire")

    monkeypatch.setattr("classroom.grading.work.rebuild", fail)
    graded = Work(tmp_path).grade(Submission("ada", NAME, "", b"", datetime.min))
    assert graded.status == "not graded"
    assert graded.human == ["could not be graded: RuntimeError: the disk is on fire"]
    assert sum(got or 0 for got in graded.scores.values()) == 0


def test_what_did_not_end_is_examined_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A computer that was asleep or out of memory gives nobody 0 points for ever."""
    ends = iter(
        [{"human": ["could not be graded within 600 s"]}, {"human": [], "scores": {"x": 1}}]
    )
    monkeypatch.setattr("classroom.grading.work.examine_apart", lambda _: next(ends))
    handed_in = Submission("ada", NAME, "", nbformat.writes(solved()).encode(), datetime.min)
    first = Work(tmp_path).grade(handed_in)
    assert (first.status, first.human) == ("not graded", ["could not be graded within 600 s"])
    for _ in range(2):  # the second time it is read
        again = Work(tmp_path).grade(handed_in)
        assert (again.status, again.scores["x"]) == ("", 1)


def test_marks_are_given_anew_when_the_code_of_the_checks_changes(tmp_path, monkeypatch):
    hashed = []
    read_bytes = Path.read_bytes
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", lambda path: hashed.append(path.name) or read_bytes(path))
        assert Work(tmp_path).grader
    assert {"work.py", "agreement.py", "network_checks.py", "losses.py"} <= set(hashed)


def damaged(content: bytes) -> bytes:
    """A zip whose first member has another checksum than its content."""
    place = content.index(b"PK\x03\x04") + 14
    wrong = bytes(255 - byte for byte in content[place : place + 4])
    return content.replace(content[place : place + 4], wrong)


def test_a_damaged_file_in_the_zip_of_a_class_costs_nobody_else_a_mark(tmp_path: Path):
    work = nbformat.writes(solved()).encode()
    path = tmp_path / "class.zip"
    path.write_bytes(damaged(zipped(ada=work, grace=work + b" ")))
    chosen, rejected = collect(path, NAMES)
    assert [one.student for one in chosen] == ["grace"]
    assert [one.student for one in rejected] == ["ada"]
    assert "cannot be read: Bad CRC-32" in rejected[0].notes[0]


@pytest.mark.parametrize(("place", "wrong"), [(0, b"X"), (6, b"\xff")])  # signature, version
def test_a_damaged_list_of_the_zip_of_a_class_is_said(place: int, wrong: bytes, tmp_path: Path):
    content = bytearray(zipped(ada=b"{}", grace=b"{}"))
    place += content.index(b"PK\x01\x02")
    content[place : place + 1] = wrong
    path = tmp_path / "class.zip"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"class\.zip: .*zip"):
        collect(path, NAMES)


def zipped(**members: bytes) -> bytes:
    """A zip in memory."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as file:
        for name, inside in members.items():
            file.writestr(f"{name}.ipynb", inside)
    return content.getvalue()


def test_bombs_are_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(archive, "INNER_BYTES", 1_000_000)
    for name, content in {
        "many": zipped(**{f"n{number}": b"{}" for number in range(archive.INNER_MEMBERS + 1)}),
        "tight": zipped(zeros=bytes(2_000_000)),
        "much": zipped(**{f"n{number}": os.urandom(400_000) for number in range(3)}),
        "sound": zipped(work=json.dumps(read("release")).encode()),
    }.items():
        (tmp_path / f"{name}.zip").write_bytes(content)
    chosen, rejected = collect(tmp_path, NAMES)
    assert [one.student for one in chosen] == ["sound"]
    told = {one.student: one.notes[0] for one in rejected}
    assert told == {
        "many": "a zip that was not opened: 201 files, at most 200 are read",
        "tight": "too large, or packed too tightly",
        "much": "a zip that was not opened: too many bytes in all",
    }


def test_many_files_of_one_student_are_one_row():
    def file(student: str, number: int) -> Submission:
        return Submission(student, "", f"{student}/{number}.txt", b"", datetime.min, notes=["odd"])

    rejected = [*(file("bomb", number) for number in range(150)), file("ada", 1)]
    bomb, ada = run.without_notebook(rejected, {"ada"})
    assert bomb.status == "no notebook"
    assert len(bomb.human) == run.TOLD + 1
    assert bomb.human[-1] == "and 147 more files like these"
    assert (ada.status, ada.human) == ("another file", ["ada/1.txt: odd"])
