"""Tables and pages: points by hand, corrections, platforms, pages of their own."""

import csv
import zipfile
from datetime import datetime
from html import escape
from pathlib import Path

import pytest
from made_class import NAME, read, solved

from classroom.course import ASSIGNMENTS
from classroom.grading.by_hand import CHANGED, COLUMNS
from classroom.grading.collect import Submission
from classroom.grading.rebuild import grade_id
from classroom.grading.report import write_report
from classroom.grading.tables import read_table, write_table
from classroom.grading.work import Graded

# Reporting -----------------------------------------------------------------------------------


class Prepared:
    """What the report asks of a `Work`, without nbgrader."""

    def release(self, _: str):
        return read("release")

    def reference(self, name: str) -> bytes:
        return (ASSIGNMENTS / "source" / name / f"{name}.ipynb").read_bytes()


def test_no_answer_has_no_points_until_a_person_says_otherwise(tmp_path: Path):
    handed_in = Submission("bob", NAME, "bob.ipynb", b"", datetime(2026, 5, 1))
    graded = Graded(handed_in, {"answer-00-4": None}, notebook=read("release"))
    out = tmp_path / "marks.csv"
    write_report([graded], out, Prepared())
    row = rows_of(out)[0]
    assert (row["points"], row["to_mark"], row["question"]) == ("0", "0", "0")
    (mine,) = rows_of(tmp_path / "marks/by-hand.csv")
    assert (mine["points"], mine["comment"]) == ("0", "no answer")


def test_points_by_hand_are_kept_and_added(tmp_path: Path):
    handed_in = Submission("=alice", NAME, "alice.ipynb", b"", datetime(2026, 5, 1))
    scores = {"check-00-1": 2.0, "hidden-00-1": 0.0, "answer-00-4": None}
    told = {"hidden-00-1": "every place must be <b>as likely</b>"}
    graded = Graded(
        handed_in, scores, told, ["setup was missing and is restored"], notebook=solved()
    )
    out = tmp_path / "marks.csv"
    write_report([graded], out, Prepared())
    row = rows_of(out)[0]
    assert (row["points"], row["of"], row["to_mark"], row["question"]) == ("2", "22", "1", "")
    assert row["exercise_1"] == "2"
    assert row["student"] == "'=alice", "a spreadsheet must not take a name for a formula"
    page = next((tmp_path / "marks/feedback").iterdir()).read_text(encoding="utf-8")
    assert "every place must be &lt;b&gt;as likely" in page
    assert "setup was missing and is restored" in page
    to_read = (tmp_path / f"marks/answers-{NAME}.html").read_text(encoding="utf-8")
    assert "I ask for scores in the hole" in to_read
    assert "Spread and pairing" in to_read

    by_hand = tmp_path / "marks/by-hand.csv"
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
    out, by_hand = tmp_path / "marks.csv", tmp_path / "marks/by-hand.csv"

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


def test_the_teachers_own_columns_are_kept(tmp_path: Path):
    out, by_hand = tmp_path / "marks.csv", tmp_path / "marks/by-hand.csv"
    write_report([handed_in("alice")], out, Prepared())
    rows = [row | {"my notes": "ask her"} for row in rows_of(by_hand)]
    write_table(by_hand, ["my notes", *COLUMNS], rows)
    for _ in range(2):
        write_report([handed_in("alice"), handed_in("bob")], out, Prepared())
        assert list(rows_of(by_hand)[0]) == [*COLUMNS, "my notes"]
        assert [row["my notes"] for row in rows_of(by_hand)] == ["ask her", ""]
    page = (tmp_path / f"marks/answers-{NAME}.html").read_text(encoding="utf-8")
    assert '"answer", "my notes"], "rows"' in page, "what it saves has them too"


def test_spreadsheets_save_tables_in_many_ways(tmp_path: Path):
    out, by_hand = tmp_path / "marks.csv", tmp_path / "marks/by-hand.csv"
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
    path = tmp_path / "by-hand.csv"
    path.write_text("student,points\nalice,3\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"by-hand.csv: no column comment"):
        read_table(path, ["student", "points", "comment"])
    path.write_text("student,points\nalice,3,5\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"by-hand.csv: row 2 has more cells"):
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


# Corrections, points by check, platforms -----------------------------------------------------


def test_a_correction_needs_a_reason_and_is_kept(tmp_path: Path):
    out, by_hand = tmp_path / "marks.csv", tmp_path / "marks/by-hand.csv"

    def graded() -> Graded:
        one = handed_in()
        one.scores |= {"check-00-1": 0.0, "hidden-00-1": 0.0}
        return one

    write_report([graded()], out, Prepared())
    rows = rows_of(by_hand)
    new = {"student": "alice", "cell": "check-00-1", "points": "2"}
    write_table(by_hand, COLUMNS, [*rows, new])
    with pytest.raises(ValueError, match="alice, check-00-1: a correction needs a comment"):
        write_report([graded()], out, Prepared())
    write_table(by_hand, COLUMNS, [*rows, new | {"comment": "our check was wrong"}])
    for _ in range(2):
        write_report([graded()], out, Prepared())
        assert rows_of(out)[0]["points"] == "2"
        (row,) = [row for row in rows_of(tmp_path / "marks/points.csv") if "check" in row["cell"]]
        assert (row["points"], row["by"]) == ("2", "a person")
        assert row["message"] == "our check was wrong"
    page = next((tmp_path / "marks/feedback").iterdir()).read_text(encoding="utf-8")
    assert "our check was wrong" in page
    write_table(by_hand, COLUMNS, [*rows, new | {"comment": "x", "points": "9"}])
    with pytest.raises(ValueError, match="expected 0 to 2 points, got '9'"):
        write_report([graded()], out, Prepared())
    typo = new | {"assignment": NAME, "cell": "check-00-9", "comment": "x"}
    write_table(by_hand, COLUMNS, [*rows, typo])
    with pytest.raises(ValueError, match=r"expected a cell of check-00-1.*got 'check-00-9'"):
        write_report([graded()], out, Prepared())
    for wrong in ({"student": "alise"}, {"cell": "check-00-9"}):
        write_table(by_hand, COLUMNS, [*rows, new | {"comment": "x"} | wrong])
        with pytest.raises(ValueError, match="expected a student and a cell of what was handed in"):
            write_report([graded()], out, Prepared())


def test_the_page_says_what_is_marked_so_far(tmp_path: Path):
    one = handed_in()
    one.scores["hidden-00-1"] = 0.0
    one.complaints["hidden-00-1"] = "NameError in line 2 of your code: x = y"
    write_report([one], tmp_path / "marks.csv", Prepared())
    page = next((tmp_path / "marks/feedback").iterdir()).read_text(encoding="utf-8")
    assert "2 of 3 points so far, 4 to be marked" in page
    assert "NameError in line 2 of your code: x = y" in page
    assert "  1  def random_square" in page, "the student's own lines, with numbers"


def test_answers_are_rendered_and_harmless(tmp_path: Path):
    answer = "**Spread** `x`\n\n```python\nif a < b: pass\n```\n<script>alert(1)</script>\n\n"
    answer += "[a](javascript:alert(1)) [b](https://example.org)"
    write_report([handed_in("</script>", answer)], tmp_path / "marks.csv", Prepared())
    page = (tmp_path / f"marks/answers-{NAME}.html").read_text(encoding="utf-8")
    assert "<strong>Spread</strong>" in page
    assert "if a &lt; b: pass" in page
    assert "<script>alert" not in page
    assert 'href="javascript' not in page
    assert 'href="https://example.org"' in page
    assert page.count("</script>") == 2, "the data and the page's own script"


def test_what_could_not_be_graded_has_a_grade_when_a_person_has_marked_it_all(tmp_path: Path):
    origin = "Ada Lovelace_12345_assignsubmission_file_/a.ipynb"
    one = handed_in("Ada Lovelace_12345", origin=origin)
    one.status = "not graded"
    out, by_hand = tmp_path / "marks.csv", tmp_path / "marks/by-hand.csv"
    write_report([one], out, Prepared())
    rows = [row | {"points": "3"} for row in rows_of(by_hand)]
    given = {name for name, got in one.scores.items() if got is not None}
    new = [{"student": one.submission.student, "cell": name} for name in sorted(given)]
    for more, grade in (([], ""), ([r | {"points": "1", "comment": "read"} for r in new], "4")):
        write_table(by_hand, COLUMNS, [*rows, *more])
        write_report([one], out, Prepared())
        assert rows_of(tmp_path / f"marks/moodle-{NAME}.csv")[0]["Grade"] == grade


def test_files_for_the_platforms(tmp_path: Path):
    graded = [
        handed_in("Ada Lovelace_12345", origin="Ada Lovelace_12345_assignsubmission_file_/a.ipynb"),
        handed_in("lovelaceada_4711", origin="lovelaceada_LATE_4711_99_a.ipynb"),
    ]
    out, by_hand = tmp_path / "marks.csv", tmp_path / "marks/by-hand.csv"
    write_report(graded, out, Prepared())
    (row,) = rows_of(tmp_path / f"marks/moodle-{NAME}.csv")
    assert row["Grade"] == "", "no half grade"
    write_table(by_hand, COLUMNS, [row | {"points": "3"} for row in rows_of(by_hand)])
    write_report(graded, out, Prepared())
    assert rows_of(tmp_path / f"marks/moodle-{NAME}.csv") == [
        {
            "Identifier": "Participant 12345",
            "Full name": "Ada Lovelace",
            "Grade": "5",
            "Maximum grade": "22",
            "Last modified (grade)": "",
        }
    ]
    possible, row = rows_of(tmp_path / "marks/canvas.csv")
    assert possible["Student"] == "Points Possible"
    assert possible["Assignment 00 holes"] == "22"
    assert (row["ID"], row["Assignment 00 holes"]) == ("4711", "5")


def test_alike_code_is_listed(tmp_path: Path):
    pytest.importorskip("copydetect")

    def student(name: str, code: str) -> Graded:
        one = handed_in(name)
        cell = next(c for c in one.notebook.cells if grade_id(c) == "solution-00-2")
        cell.source = code
        return one

    own = "def hole_psnr(prediction, image, mask):\n    out = []\n"
    own += (
        "    for p, x, m in zip(prediction, image, mask):\n        hole = m.bool().expand_as(x)\n"
    )
    own += "        mse = ((p[hole] - x[hole]) / 2).square().mean()\n"
    own += "        out.append(-10 * mse.log10())\n    return torch.stack(out)\n"
    copied = (
        own.replace("out", "values").replace("hole =", "inside =").replace("[hole]", "[inside]")
    )
    other = (
        "def hole_psnr(prediction, image, mask):\n    d = (prediction - image).double() ** 2 / 4\n"
    )
    other += "    w = mask.expand_as(d)\n    return 10 * torch.log10(w.flatten(1).sum(1) / "
    other += "torch.einsum('bchw,bchw->b', d, w.double()))\n"
    graded = [student("ada", own), student("bob", copied), student("zoe", other)]
    graded += [handed_in("two"), handed_in("three")]  # the lesson's own solution, both
    write_report(graded, tmp_path / "marks.csv", Prepared(), similar=True)
    (row,) = rows_of(tmp_path / "marks/similar.csv")
    assert {row["student"], row["other"]} == {"ada", "bob"}
    assert row["code"].startswith("code/ada")
