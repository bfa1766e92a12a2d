"""The files in a folder or a zip, with zips inside opened, within limits.

Everything is read in memory: nothing is written where a zip's names point to.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

LARGEST = 20_000_000  # bytes of one file; an answer is a text of some kilobytes
MOST_BYTES = 2_000_000_000  # of all files of a class
INNER_BYTES = 100_000_000  # of one student's zip
MEMBERS, INNER_MEMBERS = 20_000, 200
RATIO = 300  # text packs 20 times smaller, a bomb a thousand times
IGNORED = re.compile(r"(^|/)(\.|__MACOSX/|Thumbs\.db$|desktop\.ini$)")


@dataclass(frozen=True)
class File:
    """A file that was handed in; `trouble` says why its content is not there."""

    name: str
    content: bytes
    time: datetime
    trouble: str = ""


def files_in(place: Path) -> Iterator[File]:
    """Every file in a folder or a zip, in the order of names or of the zip.

    Raises:
        ValueError: `place` is a zip beyond all limits, or one that cannot be opened.
    """
    if not place.is_dir():
        try:
            yield from _unzipped("", place.read_bytes(), MEMBERS, MOST_BYTES)
        except TooMuchError as error:
            raise ValueError(f"{place}: {error}") from error
        except (zipfile.BadZipFile, NotImplementedError) as error:
            raise ValueError(f"{place}: a zip that cannot be opened: {error}") from error
        return
    for path in sorted(path for path in place.rglob("*") if path.is_file()):
        name = path.relative_to(place).as_posix()
        if not IGNORED.search(name) and not path.is_symlink():
            status = path.stat()
            yield from _opened(
                _clean(name),
                path.read_bytes() if status.st_size <= LARGEST else None,
                datetime.fromtimestamp(status.st_mtime),
            )


class TooMuchError(Exception):
    """A zip holds more than any class or student hands in."""


def _opened(name: str, content: bytes | None, time: datetime) -> Iterator[File]:
    """The file, or the files in it if it is a zip."""
    trouble = ""
    if content is None:
        trouble = f"larger than {LARGEST // 1_000_000} MB, not read"
    elif name.lower().endswith(".zip"):
        try:
            yield from list(_unzipped(f"{name}/", content, INNER_MEMBERS, INNER_BYTES))
            return
        except TooMuchError as error:
            trouble = f"a zip that was not opened: {error}"
        except Exception:  # no zip, a damaged or an encrypted one: left to a person
            trouble = "a zip that cannot be opened"
    yield File(name, content or b"", time, trouble)


def _unzipped(prefix: str, content: bytes, most: int, size: int) -> Iterator[File]:
    """The files in a zip.

    Raises:
        TooMuchError: more than `most` members, or more than `size` bytes in all.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        if len(members) > most:
            raise TooMuchError(f"{len(members)} files, at most {most} are read")
        for member in members:
            if IGNORED.search(member.filename):
                continue
            trouble = "too large, or packed too tightly"
            try:
                inside = _read(archive, member)
            except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, OSError) as error:
                inside, trouble = None, f"cannot be read: {error}"
            size -= len(inside or b"")
            if size < 0:
                raise TooMuchError("too many bytes in all")
            name, time = _clean(prefix + member.filename), _saved(member)
            if inside is None or prefix:
                yield File(name, inside or b"", time, trouble if inside is None else "")
            else:
                yield from _opened(name, inside, time)


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes | None:
    """A member's content; None if it is too large, whatever its header says."""
    tight = member.file_size > 1_000_000 and member.file_size > RATIO * member.compress_size
    if tight or member.file_size > LARGEST:
        return None
    with archive.open(member) as file:
        content = file.read(LARGEST + 1)
    return content if len(content) <= LARGEST else None


def _saved(member: zipfile.ZipInfo) -> datetime:
    """When a file in a zip was saved; 1980 where the zip does not say."""
    try:
        return datetime(*member.date_time)
    except ValueError:  # month 0, day 0
        return datetime(1980, 1, 1)


def _clean(name: str) -> str:
    """A name that every table and page can hold."""
    name = name.replace("\\", "/").encode("utf-8", "replace").decode()
    return "".join(letter if letter.isprintable() else "�" for letter in name)
