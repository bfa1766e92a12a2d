"""A whole class through `python -m inpaintlib grade`; `make test-assignments` runs it."""

import csv
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
from made_class import FULL, NAME, class_of, read, solved

from classroom.course import ASSIGNMENTS

pytestmark = pytest.mark.slow

MINUTES = 20  # a limit for hangs; a busy computer is slow


def grade(*arguments: object) -> subprocess.Popen:
    """Start the command; its own group, so that it can be killed with all it started."""
    return subprocess.Popen(
        [sys.executable, "-m", "inpaintlib", "grade", *map(str, arguments), "--jobs", "2"],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_class(tmp_path: Path):
    target = tmp_path / "target"
    precious = Path(f"{target}.precious")
    precious.write_text("keep me")
    students = class_of(target)
    upload = tmp_path / "upload.zip"
    with zipfile.ZipFile(upload, "w") as archive:
        for number, (name, student) in enumerate(students.items()):
            folder = f"{name}_{number}_assignsubmission_file_"
            archive.writestr(f"{folder}/My homework ({number}).ipynb", student.content)
        archive.writestr("scan_77_assignsubmission_file_/homework.pdf", b"%PDF-1.4")
        late = zipfile.ZipInfo("empty_1_assignsubmission_file_/later.ipynb", (2030, 1, 1, 0, 0, 0))
        archive.writestr(late, students["averaged"].content)

    out = tmp_path / "marks.csv"
    killed = grade(upload, "-o", out)
    for line in killed.stdout:
        if line.startswith("2/"):
            break
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("graded.json")}
    assert len(kept) >= 3, "the reference and two students"
    assert not out.exists()

    roster = tmp_path / "roster.csv"
    roster.write_text("".join(f"{name}\n" for name in [*students, "scan", "absent"]))
    again = grade(upload, "-o", out, "--due", "2029-01-01", "--roster", roster, "--similar")
    assert again.wait(timeout=60 * MINUTES) == 0
    assert {path: path.stat().st_mtime_ns for path in kept} == kept, "they were graded again"

    students["empty"] = students["averaged"]  # the newest is graded
    expected = {name: FULL | student.points for name, student in students.items()}
    everybody = {row["student"].partition("_")[0]: row for row in table(out)}
    assert {name: row["status"] for name, row in everybody.items() if row["status"]} == {
        "scan": "no notebook",
        "absent": "handed in nothing",
    }
    rows = {name: row for name, row in everybody.items() if not row["status"]}
    found = {name: {key: int(row[f"exercise_{key}"]) for key in FULL} for name, row in rows.items()}
    assert found == expected
    assert {name for name, row in rows.items() if row["late"]} == {"empty"}
    assert all(row["assignment"] == NAME for row in rows.values())

    told: dict[str, str] = {}
    for row in table(tmp_path / "marks" / "needs-a-person.csv"):
        name = row["student"].partition("_")[0]
        told[name] = told.get(name, "") + row["why"] + "\n"
    assert "not a notebook" in told["scan"]
    assert "replaces" in told["empty"]
    for name, student in students.items():
        assert student.told in told.get(name, ""), name
        assert bool(student.told) == (name in told) or name == "empty", told.get(name)

    assert precious.read_text() == "keep me"
    assert not target.exists(), "the thief wrote a file"
    pages = {path.name.partition("_")[0]: path for path in (tmp_path / "marks/feedback").iterdir()}
    assert pages.keys() == rows.keys()
    line = "in line 16 of your code: raise RuntimeError(f&#x27;caught with {len("
    assert line in pages["thief"].read_text(), "the line, not what it would say"
    assert "stopped after 30 seconds: an endless loop?" in pages["endless"].read_text()
    assert "not started" in pages["forgot"].read_text()
    assert "hidden_random_square" not in pages["thief"].read_text()
    grades = table(tmp_path / "marks" / f"moodle-{NAME}.csv")
    assert [row["Identifier"] for row in grades][:1] == [
        f"Participant {list(students).index('averaged')}"
    ]
    assert all(row["Grade"] == "" for row in grades), "the written answers are not marked"
    assert not list(tmp_path.rglob("scratch/*")), "nothing is left of the scratch folders"
    with zipfile.ZipFile(tmp_path / "marks" / "feedback.zip") as archive:
        back = {name.partition("/")[0] for name in archive.namelist()}
    uploaded = {f"{name}_{n}_assignsubmission_file_" for n, name in enumerate(students)}
    assert back == uploaded


def test_right_work_gets_full_points_and_none_gets_none(tmp_path: Path):
    names = sorted(path.name for path in (ASSIGNMENTS / "source").iterdir())
    for name in names:
        for student, notebook in [("ada", solved(name)), ("zoe", read("release", name))]:
            path = tmp_path / "in" / student / f"{name}.ipynb"
            path.parent.mkdir(parents=True, exist_ok=True)
            nbformat.write(notebook, path)
    out = tmp_path / "marks.csv"
    assert grade(tmp_path / "in", "-o", out).wait(timeout=60 * MINUTES) == 0
    full = {}
    for name in names:
        cells = read("release", name).cells
        marks = [cell.metadata.nbgrader for cell in cells if cell.metadata.nbgrader.grade]
        full[name] = sum(mark.points for mark in marks if not mark.solution)
    found = {(row["student"], row["assignment"]): float(row["points"]) for row in table(out)}
    assert found == {("ada", name): full[name] for name in names} | {("zoe", n): 0 for n in names}
    assert table(tmp_path / "marks" / "needs-a-person.csv") == []


def test_nbgrader_validates_as_we_do():
    from nbgrader.validator import Validator

    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for path in sorted((ASSIGNMENTS / "source").rglob("*.ipynb")):
        assert Validator().validate(str(path)) == {}, f"{path.name}: a reference fails"
        release = path.parents[2] / "release" / path.parent.name / path.name
        failed = Validator().validate(str(release))["failed"]
        checks = release.read_text().count('"grade_id": "check-')
        assert len(failed) >= checks, f"{path.name}: a stub passes"
