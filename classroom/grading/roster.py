"""The list of a class: who is on it and handed in nothing, and who handed in and is not on it."""

import csv
import io
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from classroom.grading.tables import decoded

NAMES = ("student", "name", "full name", "fullname")
ID = ("id", "id number", "identifier", "student id", "sis user id")


@dataclass(frozen=True)
class Member:
    """A row of the roster: the name to show, and the keys by which a submission is theirs."""

    name: str
    keys: frozenset[str]


def read_roster(path: Path) -> list[Member]:
    """A table with a row per student: Moodle's list of participants, Canvas' gradebook, or names.

    Every cell is a key, an e-mail address also without what follows the @.

    Raises:
        ValueError: the file cannot be read as such a table, or names nobody.
    """
    text = decoded(path)
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    rows = [row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if any(row)]
    head = [cell.strip().casefold() for cell in rows[0]] if rows else []
    titled = any(cell in (*NAMES, *ID, "first name", "email", "email address") for cell in head)
    titled |= any("@" in cell for row in rows[1:] for cell in row) and "@" not in "".join(head)
    found = [_member(head if titled else [], row) for row in rows[titled:]]
    found = [member for member in found if member.keys and "pointspossible" not in member.keys]
    if not found:
        raise ValueError(f"{path}: expected a table with a row per student, got no name")
    return found


def _member(head: list[str], row: list[str]) -> Member:
    cells = [cell.strip() for cell in row]
    by_title = dict(zip(head, cells, strict=False))
    pair = [cell for cell in cells[:2] if cell and not re.search(r"[@\d,]", cell)]  # Ada; Lovelace
    last = by_title.get("last name") or by_title.get("surname")
    whole = " ".join(filter(None, (by_title.get("first name"), last)))
    name = next((by_title[title] for title in NAMES if by_title.get(title)), "") or whole
    name = name or " ".join(pair) or next((cell for cell in cells if cell), "")
    turned = "".join(reversed(name.partition(","))) if "," in name else ""
    given = [name, turned, whole, "".join(reversed(whole.split(" ", 1)))]
    given += [" ".join(pair), " ".join(reversed(pair)), *cells]
    keys = {key(text) for cell in given for text in (cell, cell.partition("@")[0])}
    return Member(name, frozenset(keys - {""}))


def key(text: str) -> str:
    """A name as it is compared: letters and digits, without case."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text)).casefold()


def members_of(student: str, roster: list[Member]) -> list[Member]:
    """Whom a submission's name may mean: `Ada Lovelace_12345`, `lovelaceada_4711`, `ada (1)`."""
    name, _, number = student.rpartition("_")
    folder, _, last = student.rpartition("/")
    shorter = re.sub(r"( ?\(\d+\)|[-_ ]copy\d*)+$", "", student)
    for given in (student, name if number.isdigit() else "", number, last, folder, shorter):
        wanted = key(given)
        if wanted and (found := [member for member in roster if wanted in member.keys]):
            return found
    return []
