"""The teacher's table `written.csv`: points and comments for written answers, kept at every run."""

import hashlib
from pathlib import Path

from classroom.grading.rebuild import grade_id
from classroom.grading.tables import read_table, write_table
from classroom.grading.work import Graded, Work, full_points

COLUMNS = ("student", "assignment", "question", "of", "points", "comment", "answer")
CHANGED = "the written answer has changed since it was marked"


def written_points(path: Path, graded: list[Graded], work: Work) -> dict[tuple, dict[str, str]]:
    """The teacher's rows by student and question; new answers get an empty row in the file.

    The column `answer` tells which answer the points were given for. Where that is not the one
    handed in now, the points stay and a note is added to `Graded.human`, until the column is
    emptied.

    Raises:
        ValueError: points that are no number or more than there are, or an unreadable table.
    """
    rows: dict[tuple, dict[str, str]] = {}
    for row in read_table(path, COLUMNS) if path.exists() else []:
        row["points"] = row["points"].strip().replace(",", ".")
        _check_points(row, path)
        rows[row["student"], row["question"]] = row
    for one in graded:
        student, assignment = one.submission.student, one.submission.assignment
        limits = full_points(work.release(assignment))
        for name in [name for name, got in one.scores.items() if got is None]:
            new = [student, assignment, name, f"{limits[name]:g}", "", "", ""]
            row = rows.setdefault((student, name), dict(zip(COLUMNS, new, strict=True)))
            answer = _mark_of(one, name)
            if row["points"] and row["answer"] not in ("", answer):
                one.human.append(CHANGED)
            else:
                row["answer"] = answer
    write_table(path, COLUMNS, list(rows.values()))
    return rows


def _check_points(row: dict[str, str], path: Path) -> None:
    """Points by hand are empty or a number from 0 to the full points."""
    try:
        good = not row["points"] or 0 <= float(row["points"]) <= float(row["of"])
    except ValueError:
        good = False
    if not good:
        who = f"{path.name}: {row['student']}, {row['question']}"
        raise ValueError(f"{who}: expected 0 to {row['of']} points, got {row['points']!r}")


def _mark_of(one: Graded, name: str) -> str:
    """A short word that changes with the answer, and that no spreadsheet takes for a number."""
    cells = one.notebook.cells if one.notebook else []
    answer = next((cell.source for cell in cells if grade_id(cell) == name), "")
    return f"sha-{hashlib.sha256(answer.strip().encode()).hexdigest()[:8]}"
