"""What students handed in: from a folder or a learning platform's zip to one file a student.

Any file names. Who handed in is read from the name as Moodle, Canvas and plain folders write it;
for which assignment, from the marks inside the notebook.
"""

import io
import json
import os
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path, PurePosixPath

LARGEST = 20_000_000  # bytes of one file; an answer is a text of some kilobytes
IGNORED = re.compile(r"(^|/)(\.|__MACOSX/|Thumbs\.db$|desktop\.ini$)")
MOODLE = re.compile(r"^(?P<who>.+_\d+)_assignsubmission_(file|onlinetext)_?")
CANVAS = re.compile(r"^(?P<who>[^\W_]+)_(LATE_)?(?P<number>\d+)_\d+_", re.I)
COPY = re.compile(r"( ?\(\d+\)|[-_ ]copy\d*|[-_ ]late|-\d{1,2}|[-_ ]v\d+)+$", re.I)


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
        ValueError: `place` is neither a folder nor a zip, or holds no file.
    """
    if not place.is_dir() and not zipfile.is_zipfile(place):
        raise ValueError(f"{place}: expected a folder or a zip of submissions")
    files = [_submission(*file, assignments, due) for file in _files(place)]
    if not files:
        raise ValueError(f"{place}: no file was handed in")
    files = _unwrapped(files, assignments)
    good = [one for one in files if one.assignment]
    newest: dict[tuple[str, str], Submission] = {}
    for one in sorted(good, key=lambda one: (one.time, _version(one.origin))):
        key = (one.student, one.assignment)
        newest[key] = replace(one, notes=_history(newest.get(key), one))
    chosen = sorted(newest.values(), key=lambda one: (one.assignment, one.student))
    known = {one.student for one in chosen}
    return chosen, [one for one in files if not one.assignment and _matters(one, known)]


def _matters(file: Submission, known: set[str]) -> bool:
    """Whether a file that is no assignment needs a look: its owner handed in nothing else."""
    return file.student not in known or file.origin.endswith(".ipynb")


def _history(earlier: Submission | None, now: Submission) -> list[str]:
    """The notes of a file, and of those that it replaces."""
    if earlier is None:
        return now.notes
    same = "with the same content" if earlier.content == now.content else "with other content"
    on_time = " that was on time" if now.late and not earlier.late else ""
    return [*earlier.notes, f"replaces {earlier.origin}, {same}{on_time}"]


def _files(place: Path) -> Iterator[tuple[str, bytes, datetime]]:
    """(name, content, time) of every file in a folder or a zip; zips inside are opened too."""
    if place.is_dir():
        for path in sorted(path for path in place.rglob("*") if path.is_file()):
            name = path.relative_to(place).as_posix()
            if not IGNORED.search(name) and not path.is_symlink():
                content = path.read_bytes() if path.stat().st_size <= LARGEST else b""
                yield from _opened(name, content, datetime.fromtimestamp(path.stat().st_mtime))
    else:
        yield from _unzipped("", place.read_bytes())


def _opened(name: str, content: bytes, time: datetime) -> Iterator[tuple[str, bytes, datetime]]:
    """The file, or the files in it if it is a zip."""
    if name.lower().endswith(".zip"):
        try:
            yield from list(_unzipped(f"{name}/", content))
            return
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError):
            pass  # no zip, a damaged or an encrypted one: left to a person
    yield name, content, time


def _unzipped(prefix: str, content: bytes) -> Iterator[tuple[str, bytes, datetime]]:
    """The files in a zip, read in memory: nothing is written where its names point to."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for member in archive.infolist():
            if not member.is_dir() and not IGNORED.search(member.filename):
                small = member.file_size <= LARGEST
                inside = archive.read(member) if small else b""
                name, time = prefix + member.filename, _saved(member)
                if prefix:
                    yield name, inside, time
                else:
                    yield from _opened(name, inside, time)


def _saved(member: zipfile.ZipInfo) -> datetime:
    """When a file in a zip was saved; 1980 where the zip does not say."""
    try:
        return datetime(*member.date_time)
    except ValueError:  # month 0, day 0
        return datetime(1980, 1, 1)


def _submission(
    name: str, content: bytes, time: datetime, assignments: list[str], due: datetime | None
) -> Submission:
    """What a file's name and content say."""
    assignment, notes = _assignment(content, assignments)
    marked = bool(re.search(r"(?:^|[_\-. ])late(?:[_\-. ]|$)", name, re.I))
    late = marked or (due is not None and time > due)
    return Submission(_student(name, assignments), assignment, name, content, time, late, notes)


def _assignment(content: bytes, assignments: list[str]) -> tuple[str, list[str]]:
    """The assignment whose cells a notebook holds; else empty, with the reason."""
    try:
        notebook = json.loads(content)
        names = [
            cell["metadata"].get("nbgrader", {}).get("grade_id", "") for cell in notebook["cells"]
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", ["not a notebook"]
    lessons = re.findall(r"-(\d\d)-\d", " ".join(map(str, names)))
    if not lessons:
        return "", ["a notebook, but no cell of it belongs to an assignment"]
    number = max(set(lessons), key=lessons.count)
    found = [name for name in assignments if name.startswith(f"{number}_")]
    return (
        (found[0], []) if found else ("", [f"belongs to lesson {number}, which is not graded here"])
    )


def _unwrapped(files: list[Submission], assignments: list[str]) -> list[Submission]:
    """Files without the folder around a whole class, as zipping the folder `week3` gives."""
    good = [one for one in files if one.assignment]
    folders = [PurePosixPath(one.origin).parent.parts for one in good]
    common = os.path.commonprefix(folders)  # noqa: RUF071  # of tuples, not of characters
    folder = "/".join(common) + "/"

    def who(one: Submission) -> str:
        return _student(one.origin.removeprefix(folder), assignments)

    # in `carol/00_holes.ipynb` the file tells nobody's name
    named = {who(one) for one in good if not who(one).startswith(tuple(assignments))}
    if moodle_folder(folder) or len(named) < 2:
        return files
    return [replace(one, student=who(one)) for one in files]


def moodle_folder(origin: str) -> str:
    """The folder in which Moodle takes a student's feedback; empty for a file not from Moodle."""
    matches = (MOODLE.match(part) for part in PurePosixPath(origin).parts)
    return next((f"{match[0].rstrip('_')}_" for match in matches if match), "")


def _student(name: str, assignments: list[str]) -> str:
    """Who handed a file in: the platform's name, else the folder's, else the file's."""
    path = PurePosixPath(name)
    for part in path.parts:
        if match := MOODLE.match(part):
            return match["who"]
        if match := CANVAS.match(part):
            return f"{match['who']}_{match['number']}"
    if len(path.parts) > 1:
        return re.sub(r"\.zip$", "", path.parts[0])
    stem = path.name.partition(".")[0]
    for assignment in assignments:
        stem = stem.replace(assignment, "")
    return COPY.sub("", stem.strip("-_ ")).strip("-_ ") or path.stem


def _version(name: str) -> int:
    """The number that a platform appends to a file handed in again: `work-2.ipynb` is 2."""
    match = re.search(r"[-( ](\d{1,2})\)?\.ipynb$", name)
    return int(match[1]) if match else 0
