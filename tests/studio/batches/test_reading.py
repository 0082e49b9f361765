"""A table that somebody brings is read within bounds, and as the text that it is."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime
from typing import Any

import openpyxl
import pytest

from studio.batches import reading
from studio.batches.columns import CSV, KNOWN, XLSX, filled, template
from studio.batches.reading import TableRefused, read_table


def workbook(rows: list[list[Any]]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    raw = io.BytesIO()
    book.save(raw)
    return raw.getvalue()


def refused(content: bytes) -> str:
    with pytest.raises(TableRefused) as found:
        read_table(io.BytesIO(content))
    return str(found.value)


def repacked(content: bytes, name: str, change: Any) -> bytes:
    """The workbook with one of its parts changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.namelist():
            new.writestr(part, change(old.read(part)) if part == name else old.read(part))
    return out.getvalue()


@pytest.mark.parametrize("kind", [CSV, XLSX])
def test_the_template_comes_back_as_it_went_out(kind: str) -> None:
    sheet = read_table(io.BytesIO(template(kind)))
    assert sheet.columns[: len(KNOWN)] == list(KNOWN)
    (line,) = sheet.lines
    cells, errors = filled(line)
    assert (line.number, errors) == (2, [])
    assert (cells["script"], cells["title"]) == ("Hello Anna, welcome to Vienna.", "Welcome, Anna")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_csv_as_spreadsheets_write_it(delimiter: str, encoding: str) -> None:
    text = '\r\nPortrait ;Title;"NAME"\r\na.jpg;"two\r\nlines";Zoë\r\n;;\r\nb.jpg;"=1+1";\r\n'.replace(";", delimiter)
    sheet = read_table(io.BytesIO(text.encode(encoding)))
    assert sheet.columns == ["portrait", "title", "name"]
    assert [(line.number, line.cells) for line in sheet.lines] == [
        (3, {"portrait": "a.jpg", "title": "two\nlines", "name": "Zoë"}),
        (5, {"portrait": "b.jpg", "title": "=1+1", "name": ""}),
    ]


def test_values_of_a_workbook_are_texts_and_formulas_are_told() -> None:
    day = date(2026, 11, 29)
    sheet = read_table(
        io.BytesIO(
            workbook(
                [
                    ["portrait", "a", "b", "c", "d", "e"],
                    ["x.jpg", 12.0, 1.5, datetime(2026, 11, 29), True, "=HYPERLINK(1)"],  # noqa: DTZ001
                ]
            )
        )
    )
    (line,) = sheet.lines
    assert list(line.cells.values()) == ["x.jpg", "12", "1.5", day.isoformat(), "yes", "=HYPERLINK(1)"]
    assert line.formulas == ("e",)


def test_what_says_that_it_is_small_and_is_not_is_refused() -> None:
    bomb = repacked(workbook([["portrait"], ["x"]]), "xl/worksheets/sheet1.xml", lambda raw: raw + b" " * 2 * 10**7 * 3)
    assert len(bomb) < 200_000
    assert refused(bomb) == "The workbook unpacks to more than 40 MB. Save the one sheet as CSV."
    many = io.BytesIO()
    with zipfile.ZipFile(many, "w") as file:
        for number in range(300):
            file.writestr(f"{number}", b"")
    assert refused(many.getvalue()) == "The workbook unpacks to more than 40 MB. Save the one sheet as CSV."
    assert refused(b"x" * (reading.MAX_BYTES + 1)).startswith("The file is larger than 5 MB.")


@pytest.mark.parametrize(
    "evil",
    [
        b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><worksheet>&b;</worksheet>',
        b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><worksheet>&a;</worksheet>',
        b"<worksheet><sheetData><row",
        b"",
    ],
)
def test_a_workbook_with_entities_or_without_an_end_is_refused(evil: bytes) -> None:
    broken = repacked(workbook([["portrait"], ["x"]]), "xl/worksheets/sheet1.xml", lambda _raw: evil)
    assert refused(broken).startswith("The workbook can’t be read.")


def test_a_row_far_below_costs_no_walk_to_it() -> None:
    far = repacked(
        workbook([["portrait"], ["x"]]),
        "xl/worksheets/sheet1.xml",
        lambda raw: raw.replace(b'<row r="2"', b'<row r="1048576"').replace(b'"A2"', b'"A1048576"'),
    )
    assert refused(far) == "The sheet has a row below row 20,000. Move it up, or delete it."


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "The table has no row under its head. Start from the template."),
        (b"portrait,title\n", "The table has no row under its head. Start from the template."),
        (b"portrait,Portrait\na,b\n", "Row 1 names the column “portrait” twice. Give each column a name of its own."),
        (b"portrait\n\xff\xfe\xfa\n", "neither XLSX nor CSV in UTF-8. Save it as “CSV UTF-8” or as .xlsx."),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel file (.xls), or one with a password."),
        (b"PK\x03\x04garbage", "The workbook can’t be read."),
        (",".join(f"c{number}" for number in range(61)).encode() + b"\n1\n", "more than 60 columns."),
        (b"portrait\n" + b"x\n" * 5_001, "The table has more than 5,000 rows. Bring it in parts."),
        (b"portrait\n" + b"x" * 60_001 + b"\n", "Row 2, column “portrait”: the text has more than 60,000 characters."),
    ],
)
def test_what_is_no_table_is_refused_with_a_remedy(content: bytes, told: str) -> None:
    assert told in refused(content)
