"""The teacher's table `by-hand.csv`: points for written answers, and corrections with a reason.

It is read and kept at every run, with the columns that the teacher has added. A row names a graded
cell of a student; for a written answer it is there already, for a correction the teacher adds it.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from classroom.grading.rebuild import grade_id
from classroom.grading.tables import read_table, write_table
from classroom.grading.work import Graded, Work, full_points

COLUMNS = ("student", "assignment", "cell", "of", "points", "comment", "answer")
NO_ANSWER = "no answer"
CHANGED = "the written answer has changed since it was marked"


@dataclass
class ByHand:
    """The rows by student and cell."""

    rows: dict[tuple[str, str], dict[str, str]]

    @property
    def columns(self) -> list[str]:
        """Those of `COLUMNS`, and behind them the teacher's own; a new row has none of these."""
        names = [*COLUMNS, *(name for row in self.rows.values() for name in row)]
        return list(dict.fromkeys(names))

    def points(self, one: Graded) -> dict[str, float | None]:
        """Points of every graded cell, the teacher's before the checks'; None where unmarked."""
        found = dict(one.scores)
        for name in found:
            if given := self.rows.get((one.submission.student, name), {}).get("points"):
                found[name] = float(given)
        return found

    def covers(self, one: Graded) -> bool:
        """Whether the teacher has given points for every cell."""
        rows = [self.rows.get((one.submission.student, name), {}) for name in one.scores]
        return bool(rows) and all(row.get("points") for row in rows)

    def comment(self, one: Graded, name: str) -> str:
        """The teacher's words on a cell."""
        return self.rows.get((one.submission.student, name), {}).get("comment", "")


def read_by_hand(path: Path, graded: list[Graded], work: Work) -> ByHand:
    """The teacher's rows; new written answers get a row in the file: empty, or 0 for none.

    The column `answer` tells which answer the points were given for. Where that is not the one
    handed in now, the points stay and a note is added to `Graded.human`, until the column is
    emptied.

    Raises:
        ValueError: points that are no number or more than there are, a cell that the assignment
            has not, a correction without a reason, or an unreadable table.
    """
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for row in read_table(path, COLUMNS) if path.exists() else []:
        row["points"] = row["points"].strip().replace(",", ".")
        if any(row[name] for name in ("student", "cell", "points")):
            rows[row["student"], row["cell"]] = row
    for one in graded:
        student, assignment = one.submission.student, one.submission.assignment
        limits = full_points(work.release(assignment))
        for name, got in one.scores.items():
            row = rows.get((student, name))
            if got is None and row is None:
                new = [student, assignment, name, f"{limits[name]:g}", "", "", ""]
                row = rows[student, name] = dict(zip(COLUMNS, new, strict=True))
            if row is None:
                continue
            row["of"], row["assignment"] = f"{limits[name]:g}", assignment
            if got is None:
                _compare_answer(row, one, name, work)
            elif row["points"] and not row["comment"].strip():
                raise ValueError(f"{path.name}: {student}, {name}: a correction needs a comment")
        _check_cells(path, student, assignment, limits, rows)
    for row in rows.values():
        _check_points(row, path)
    by_hand = ByHand(rows)
    write_table(path, by_hand.columns, list(rows.values()))
    return by_hand


def _compare_answer(row: dict[str, str], one: Graded, name: str, work: Work) -> None:
    """Note an answer that is not the one that got the points; none at all gets 0."""
    answer = _mark_of(one, name)
    if not (row["points"] or row["comment"]) and _untouched(one, name, work):
        row["points"], row["comment"] = "0", NO_ANSWER
    if row["points"] and row["answer"] not in ("", answer):
        one.note(CHANGED, name)
    else:
        row["answer"] = answer


def _check_cells(
    path: Path, student: str, assignment: str, limits: dict[str, float], rows: dict
) -> None:
    """Every row of a student for an assignment names one of its graded cells."""
    for who, cell in rows:
        mine = who == student and rows[who, cell]["assignment"] == assignment
        if mine and cell not in limits:
            raise ValueError(
                f"{path.name}: {student}: expected a cell of {', '.join(limits)}, got {cell!r}"
            )


def _check_points(row: dict[str, str], path: Path) -> None:
    """Points by hand are empty or a number from 0 to the full points, for a cell that was found."""
    who = f"{path.name}: {row['student']}, {row['cell']}"
    if row["points"] and not row["of"]:
        raise ValueError(f"{who}: expected a student and a cell of what was handed in")
    try:
        good = not row["points"] or 0 <= float(row["points"]) <= float(row["of"])
    except ValueError:
        good = False
    if not good:
        raise ValueError(f"{who}: expected 0 to {row['of']} points, got {row['points']!r}")


def _untouched(one: Graded, name: str, work: Work) -> bool:
    """Whether the cell of a written answer is as it was handed out."""
    texts = [
        next((cell.source.strip() for cell in notebook.cells if grade_id(cell) == name), "")
        for notebook in (one.notebook, work.release(one.submission.assignment))
        if notebook is not None
    ]
    return len(texts) == 2 and texts[0] in ("", texts[1])


def _mark_of(one: Graded, name: str) -> str:
    """A short word that changes with the answer, and that no spreadsheet takes for a number."""
    cells = one.notebook.cells if one.notebook else []
    answer = next((cell.source for cell in cells if grade_id(cell) == name), "")
    return f"sha-{hashlib.sha256(answer.strip().encode()).hexdigest()[:8]}"
