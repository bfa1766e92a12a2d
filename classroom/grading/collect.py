"""What students handed in: from a folder or a learning platform's zip to one file per student.

Any file names. Who handed in is the whole name that the platform gives, or that of the folder or
file; for which assignment is read from the marks inside the notebook. Two names are never taken
for one student: where they look alike, both are marked and a person is told.
"""

import json
import os
import re
import zipfile
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path, PurePosixPath

from classroom.grading.archive import File, files_in

MOODLE = re.compile(r"^(?P<who>.+_\d+)_assignsubmission_(file|onlinetext)_?")
CANVAS = re.compile(r"^(?P<who>[^\W_]+)_(LATE_)?(?P<number>\d+)_\d+_", re.I)
COPY = re.compile(r"( ?\(\d+\)|[-_ ]copy\d*|[-_ ]late|[-_ ]\d{1,2}|[-_ ]v\d+)+$", re.I)
ALIKE = "a name like {}: the same student? both are marked"
IN_FOLDER = "several files of one assignment in the folder {}: one student or several?"


@dataclass(frozen=True)
class Submission:
    """One file that was handed in.

    Attributes:
        student: as the platform names them.
        assignment: `00_holes`; empty when the file does not tell.
        origin: the file's name, inside a zip with the zip's.
        content: the file.
        time: when it was saved or uploaded.
        late: uploaded after the due time, or marked late by the platform.
        notes: what a person should know.
    """

    student: str
    assignment: str
    origin: str
    content: bytes
    time: datetime
    late: bool = False
    notes: list[str] = field(default_factory=list)


def collect(
    place: Path, assignments: list[str], due: datetime | None = None
) -> tuple[list[Submission], list[Submission]]:
    """The newest file of each student and assignment, and the files that cannot be graded.

    Raises:
        ValueError: `place` is neither a folder nor a zip, holds no file, or far too many.
    """
    if not place.is_dir() and not zipfile.is_zipfile(place):
        raise ValueError(f"{place}: expected a folder or a zip of submissions")
    files = [_submission(file, assignments, due) for file in files_in(place)]
    if not files:
        raise ValueError(f"{place}: no file was handed in")
    files = _named(files, assignments)
    good = [one for one in files if one.assignment]
    newest: dict[tuple[str, str], Submission] = {}
    for one in sorted(good, key=lambda one: (one.time, _version(one.origin))):
        key = (one.student, one.assignment)
        newest[key] = replace(one, notes=_history(newest.get(key), one))
    chosen = _alike(sorted(newest.values(), key=lambda one: (one.assignment, one.student)))
    known = {one.student for one in chosen}
    return chosen, [one for one in files if not one.assignment and _matters(one, known)]


def _matters(file: Submission, known: set[str]) -> bool:
    """Whether a file that is no assignment needs a look: its owner handed in nothing else."""
    return file.student not in known or file.origin.endswith((".ipynb", ".zip"))


def _history(earlier: Submission | None, now: Submission) -> list[str]:
    """The notes of a file, and of those that it replaces."""
    if earlier is None:
        return now.notes
    same = "with the same content" if earlier.content == now.content else "with other content"
    on_time = " that was on time" if now.late and not earlier.late else ""
    return [*earlier.notes, f"replaces {earlier.origin}, {same}{on_time}"]


def _submission(file: File, assignments: list[str], due: datetime | None) -> Submission:
    """What a file's name and content say; who handed it in is found later."""
    assignment, notes = _assignment(file, assignments)
    marked = bool(re.search(r"(?:^|[_\-. ])late(?:[_\-. ]|$)", file.name, re.I))
    late = marked or (due is not None and file.time > due)
    return Submission("", assignment, file.name, file.content, file.time, late, notes)


def _assignment(file: File, assignments: list[str]) -> tuple[str, list[str]]:
    """The assignment whose cells a notebook holds; else empty, with the reason."""
    if file.trouble:
        return "", [file.trouble]
    try:
        cells = json.loads(file.content)["cells"]
        marks = [cell["metadata"].get("nbgrader", {}) for cell in cells]
        names = [str(mark.get("grade_id", "")) for mark in marks]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "", ["not a notebook"]
    lessons = re.findall(r"-(\d\d)-\d", " ".join(names))
    if not lessons:
        return "", ["a notebook, but no cell of it belongs to an assignment"]
    number = max(set(lessons), key=lessons.count)
    found = [name for name in assignments if name.startswith(f"{number}_")]
    return (
        (found[0], []) if found else ("", [f"belongs to lesson {number}, which is not graded here"])
    )


# Who -----------------------------------------------------------------------------------------


def _named(files: list[Submission], assignments: list[str]) -> list[Submission]:
    """Files with their students' names; a folder around a whole class names nobody."""
    good = [one for one in files if one.assignment]
    folders = [PurePosixPath(one.origin).parent.parts for one in good]
    around = "/".join(os.path.commonprefix(folders)) + "/"  # noqa: RUF071  # of tuples
    inside = {one.origin.removeprefix(around) for one in good}
    # in `carol/00_holes.ipynb` the file tells nobody's name, so the folder is hers
    own = {_owner(name, assignments) or _stem(name, assignments) for name in inside} - {""}
    if moodle_folder(around) or len(own) < 2:
        around = ""
    several = _shared_folders(good, around, assignments)
    return [_with_name(one, around, several, assignments) for one in files]


def _with_name(
    one: Submission, around: str, several: set[str], assignments: list[str]
) -> Submission:
    """A file with its student's name, and a note where that is a guess."""
    name = one.origin.removeprefix(around)
    owner = _owner(name, assignments)
    if owner in several and not _platform(name):
        stem, folder = _stem(name, assignments), PurePosixPath(name).parent.as_posix()
        who = f"{folder}/{stem}".rstrip("/")
        return replace(one, student=who, notes=[*one.notes, IN_FOLDER.format(owner)])
    stem = _stem(name, assignments) or PurePosixPath(name).stem
    return replace(one, student=owner or stem)


def _shared_folders(good: list[Submission], around: str, assignments: list[str]) -> set[str]:
    """Folders in which the files of one assignment have names of their own: of several students?"""
    stems: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in good:
        name = one.origin.removeprefix(around)
        if not _platform(name) and (owner := _owner(name, assignments)):
            where = PurePosixPath(name).parent.as_posix()
            stem = COPY.sub("", _stem(name, assignments))
            stems[owner, one.assignment].add(stem or f"{where}/")
    return {owner for (owner, _), found in stems.items() if len(found) > 1}


def _platform(name: str) -> str:
    """A student's name as Moodle or Canvas writes it into a path; else empty."""
    for part in PurePosixPath(name).parts:
        if match := MOODLE.match(part):
            return match["who"]
        if match := CANVAS.match(part):
            return f"{match['who']}_{match['number']}"
    return ""


def _owner(name: str, assignments: list[str]) -> str:
    """The platform's name, else the outermost folder's; empty for a plain file."""
    parts = PurePosixPath(name).parts
    folder = re.sub(r"\.zip$", "", parts[0], flags=re.I) if len(parts) > 1 else ""
    return _platform(name) or ("" if folder in assignments else folder)


def _stem(name: str, assignments: list[str]) -> str:
    """What a plain file's name says beside the assignment: all of it counts."""
    stem = re.sub(r"\.(ipynb|zip)$", "", PurePosixPath(name).name, flags=re.I)
    for assignment in assignments:
        stem = re.sub(rf"[-_ ]*{assignment}[-_ ]*", " ", stem)
    return re.sub(r"^(\(\d+\)|copy|\d{1,2})$", "", stem.strip()).strip()


def _alike(chosen: list[Submission]) -> list[Submission]:
    """Submissions with a note where two names differ only as a copy's or a spelling's would."""
    names = {one.student for one in chosen}
    spellings: dict[str, set[str]] = defaultdict(set)
    for name in names:
        spellings[re.sub(r"[\W_]+", "", name).casefold()].add(name)
        if (base := COPY.sub("", name)) != name and base in names:  # `ada` and `ada (1)`
            spellings[re.sub(r"[\W_]+", "", base).casefold()].add(name)
    noted = []
    for one in chosen:
        groups = [group for group in spellings.values() if one.student in group]
        others = sorted(set().union(*groups) - {one.student})
        notes = [ALIKE.format(" and ".join(others))] if others else []
        noted.append(replace(one, notes=[*one.notes, *notes]))
    return noted


def moodle_folder(origin: str) -> str:
    """The folder in which Moodle takes a student's feedback; empty for a file not from Moodle."""
    matches = (MOODLE.match(part) for part in PurePosixPath(origin).parts)
    return next((f"{match[0].rstrip('_')}_" for match in matches if match), "")


def canvas_id(origin: str) -> str:
    """Canvas' number of the student; empty for a file not from Canvas."""
    if moodle_folder(origin):
        return ""
    matches = (CANVAS.match(part) for part in PurePosixPath(origin).parts)
    return next((match["number"] for match in matches if match), "")


def _version(name: str) -> int:
    """The number that a platform appends to a file handed in again: `work-2.ipynb` is 2."""
    match = re.search(r"[-( ](\d{1,2})\)?\.ipynb$", name)
    return int(match[1]) if match else 0
