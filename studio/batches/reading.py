"""Reading of a table that somebody brings: CSV or XLSX, within bounds, and every value as the text that it is."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Protocol

import openpyxl

from avatarsite.errors import DomainError

MAX_BYTES = 5_000_000
MAX_UNPACKED_BYTES = 40_000_000
MAX_PARTS = 200  # files within an XLSX
MAX_ROWS = 5_000
MAX_SCANNED = 20_000  # with empty rows in between
MAX_COLUMNS = 60
MAX_CELL = 60_000
ZIP_MAGIC = b"PK\x03\x04"
SAVE_AS = "Save it as “CSV UTF-8” or as .xlsx."
OLD_EXCEL = b"\xd0\xcf\x11\xe0"


class TableRefused(DomainError):
    """The file is no table that can be read. Nothing of it was kept."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__("bad_table", message, field="file", remedy=remedy)


class Readable(Protocol):
    def read(self, size: int, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class Line:
    """A row under the head: its number as a spreadsheet counts, its texts by column, the columns that hold formulas."""

    number: int
    cells: dict[str, str]
    formulas: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    columns: list[str]
    lines: list[Line]


def read_table(file: Readable) -> Sheet:
    """The file's head and its rows, without empty ones. Raises TableRefused."""
    content: bytes = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        found = f"The file is larger than {MAX_BYTES // 1_000_000} MB."
        raise TableRefused(found, "Leave out sheets and pictures, or bring it in parts.")
    if content.startswith(OLD_EXCEL):
        raise TableRefused("This is an old Excel file (.xls), or one with a password.", "Save it as .xlsx or .csv.")
    rows = _xlsx(content) if content.startswith(ZIP_MAGIC) else _csv(content)
    return _sheet(rows)


def _sheet(rows: Iterable[tuple[int, list[Any]]]) -> Sheet:
    columns: list[str] = []
    lines: list[Line] = []
    for number, values in rows:
        if not any(value not in (None, "") for value in values):
            continue
        if not columns:
            columns = _head(number, values)
            continue
        if len(lines) == MAX_ROWS:
            raise TableRefused(f"The table has more than {MAX_ROWS:,} rows.", "Bring it in parts.")
        lines.append(_line(number, columns, values))
    if not lines:
        raise TableRefused("The table has no row under its head.", "Start from the template.")
    return Sheet([column for column in columns if column], lines)


def _head(number: int, values: list[Any]) -> list[str]:
    columns = [" ".join(_text(value).casefold().split()) for value in values]
    while columns and not columns[-1]:
        columns.pop()
    if len(columns) > MAX_COLUMNS:
        raise TableRefused(f"The table has more than {MAX_COLUMNS} columns.", "Leave some out.")
    for column in filter(None, columns):
        if columns.count(column) > 1:
            found = f"Row {number} names the column “{column[:40]}” twice."
            raise TableRefused(found, "Give each column a name of its own.")
    return columns


def _line(number: int, columns: list[str], values: list[Any]) -> Line:
    cells, formulas = {}, []
    for column, value in zip(columns, values, strict=False):
        if isinstance(value, _Formula):
            formulas.append(column)
        text = _text(value)
        if len(text) > MAX_CELL:
            found = f"Row {number}, column “{column[:40]}”: the text has more than {MAX_CELL:,} characters."
            raise TableRefused(found, "Shorten it.")
        if column:
            cells[column] = text
    return Line(number, cells, tuple(formulas))


class _Formula(str):
    """A formula, which is never worked out: what a program last made of it may be anything."""

    __slots__ = ()


def _text(value: Any) -> str:
    """As a person would type it; without the characters that no database keeps."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float() if value.is_integer():
            return str(int(value))
        case datetime() if value.time() == time():
            return value.date().isoformat()
        case datetime() | date() | time():
            return value.isoformat()
    return str(value).replace("\0", "").replace("\r\n", "\n").strip()


def _csv(content: bytes) -> Iterator[tuple[int, list[Any]]]:
    try:
        text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise TableRefused("The file is neither XLSX nor CSV in UTF-8.", SAVE_AS) from error
    head = text.lstrip().partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    first = 1  # a cell may have several lines, and a spreadsheet counts rows
    try:
        for values in reader:
            yield first, list(values)
            first += 1
    except csv.Error as error:
        raise TableRefused(f"Row {first} can’t be read: {error}.", SAVE_AS) from error


def _xlsx(content: bytes) -> Iterator[tuple[int, list[Any]]]:
    unreadable = "The workbook can’t be read."
    try:
        _check_unpacked(content)
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=False, keep_links=False)
        try:
            sheet = book.worksheets[0] if book.worksheets else None
            if sheet is None:
                raise TableRefused("The workbook has no sheet.", "Start from the template.")
            # What it says of its own size may be anything.
            sheet.reset_dimensions()
            for number, cells in enumerate(sheet.iter_rows(max_row=MAX_SCANNED, max_col=MAX_COLUMNS + 1), 1):
                if number == MAX_SCANNED:
                    raise TableRefused(f"The sheet has a row below row {MAX_SCANNED:,}.", "Move it up, or delete it.")
                yield number, [_Formula(cell.value) if cell.data_type == "f" else cell.value for cell in cells]
        finally:
            book.close()
    except TableRefused:
        raise
    except Exception as error:  # whatever a file that only calls itself a workbook makes the reader raise
        raise TableRefused(unreadable, "Open it in a spreadsheet and save it again, or save it as CSV.") from error


def _check_unpacked(content: bytes) -> None:
    """A workbook is a ZIP; what it says it unpacks to is the most that is ever read of it."""
    parts = zipfile.ZipFile(io.BytesIO(content)).infolist()
    if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED_BYTES:
        found = f"The workbook unpacks to more than {MAX_UNPACKED_BYTES // 1_000_000} MB."
        raise TableRefused(found, "Save the one sheet as CSV.")
