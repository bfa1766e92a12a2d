"""Tables as spreadsheets open and save them."""

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

from inpaintlib.data.writing import write_whole

FORMULA = "=+-@\t\r\n"  # a spreadsheet takes what begins so for a formula


def read_table(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a table; UTF-8 or Windows' letters, with commas, semicolons or tabs.

    Raises:
        ValueError: a column is missing, or a row has more cells than there are columns.
    """
    text = decoded(path)
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, restval="")
    rows = list(reader)
    missing = [name for name in columns if name not in (reader.fieldnames or [])]
    if rows and missing:
        raise ValueError(f"{path.name}: no column {', '.join(missing)}")
    for number, row in enumerate(rows, start=2):
        if None in row:
            raise ValueError(f"{path.name}: row {number} has more cells than the first row")
    return [{name: _shown(value) for name, value in row.items()} for row in rows]


def decoded(path: Path) -> str:
    """A table's text: UTF-8 or Windows' letters."""
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def write_table(path: Path, columns: Sequence[str], rows: list[dict], *, mark: bool = True) -> None:
    """A table that spreadsheets open; it appears whole or not at all.

    Args:
        path: the file.
        columns: its columns, in order.
        rows: their values; what has no column is left out.
        mark: begin with the mark by which spreadsheets know UTF-8; importers may stumble over it.
    """

    def write(part: Path) -> None:
        encoding = "utf-8-sig" if mark else "utf-8"
        with part.open("w", newline="", encoding=encoding, errors="replace") as file:
            table = csv.DictWriter(file, columns or ["student"], restval="", extrasaction="ignore")
            table.writeheader()
            table.writerows([{name: plain(value) for name, value in row.items()} for row in rows])

    write_whole(path, write)


def plain(value: object) -> object:
    """A text that a spreadsheet does not take for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in tuple(FORMULA) else value


def _shown(text: str) -> str:
    """The text as it was before `plain`."""
    return re.sub(rf"^'(?=[{re.escape(FORMULA)}])", "", text)
