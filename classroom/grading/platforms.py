"""Files that Moodle and Canvas import: points, and Moodle's feedback pages.

Moodle: mod/assign/feedback/offline/importgradeslib.php asks for the columns Identifier, Grade and
Last modified (grade). Canvas' gradebook asks for Student, ID and Section.
"""

import zipfile
from pathlib import Path

from classroom.grading.by_hand import ByHand
from classroom.grading.collect import canvas_id, moodle_folder
from classroom.grading.pages import number, page_name
from classroom.grading.tables import write_table
from classroom.grading.work import Graded, Work, full_points
from inpaintlib.data.writing import write_whole

MOODLE = ("Identifier", "Full name", "Grade", "Maximum grade", "Last modified (grade)")
CANVAS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")


def write_platforms(folder: Path, marked: list[Graded], by_hand: ByHand, work: Work) -> None:
    """`moodle-NN_name.csv` for each assignment, `canvas.csv`, `feedback.zip`; as they are needed.

    A student whose written answer is not marked yet gets no grade there: half a grade must not be
    published by mistake.
    """
    _moodle(folder, marked, by_hand, work)
    _canvas(folder, marked, by_hand, work)
    _feedback_zip(folder, marked)


def _total(one: Graded, by_hand: ByHand) -> str:
    """All points, or nothing while some are to be marked; the teacher may mark all by hand."""
    points = by_hand.points(one).values()
    if None in points or (one.status and not by_hand.covers(one)):
        return ""
    return number(sum(p for p in points if p is not None))


def _moodle(folder: Path, marked: list[Graded], by_hand: ByHand, work: Work) -> None:
    """Moodle's grading worksheet."""
    for assignment in sorted({one.submission.assignment for one in marked}):
        limit = number(sum(full_points(work.release(assignment)).values()))
        rows = []
        for one in marked:
            place = moodle_folder(one.submission.origin)
            if place and one.submission.assignment == assignment:
                name, _, identity = one.submission.student.rpartition("_")
                values = [f"Participant {identity}", name, _total(one, by_hand), limit, ""]
                rows.append(dict(zip(MOODLE, values, strict=True)))
        if rows:
            write_table(folder / f"moodle-{assignment}.csv", MOODLE, rows, mark=False)


def _canvas(folder: Path, marked: list[Graded], by_hand: ByHand, work: Work) -> None:
    """Canvas' gradebook: a row per student, a column per assignment."""
    rows: dict[str, dict[str, str]] = {}
    titles: list[str] = []
    for one in marked:
        identity = canvas_id(one.submission.origin)
        if identity:
            title = f"Assignment {one.submission.assignment.replace('_', ' ')}"
            titles += [title] if title not in titles else []
            name = one.submission.student.rpartition("_")[0]
            row = rows.setdefault(identity, {"Student": name, "ID": identity})
            row[title] = _total(one, by_hand)
    if rows:
        limits = {}
        for assignment in {one.submission.assignment for one in marked}:
            title = f"Assignment {assignment.replace('_', ' ')}"
            limits[title] = number(sum(full_points(work.release(assignment)).values()))
        possible = {"Student": "Points Possible", **limits}
        path = folder / "canvas.csv"
        write_table(path, [*CANVAS, *titles], [possible, *rows.values()], mark=False)


def _feedback_zip(folder: Path, marked: list[Graded]) -> None:
    """`feedback.zip` with the pages under the names by which Moodle knows whose they are."""
    pages = {}
    for one in marked:
        if place := moodle_folder(one.submission.origin):
            name = f"{place}/feedback-{one.submission.assignment}.html"
            pages[name] = folder / "feedback" / page_name(one)

    def write(part: Path) -> None:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, page in pages.items():
                archive.write(page, name)

    if pages:
        write_whole(folder / "feedback.zip", write)
