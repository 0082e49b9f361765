"""Columns of a table: those that we know, the template with them, and the others, which fill placeholders."""

from __future__ import annotations

import csv
import io
import re

from openpyxl import Workbook
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from studio.batches.reading import Line

KNOWN = {
    "portrait": "id or file name of an upload, or an address",
    "voice": "id or file name of an upload, or an address; or else a script",
    "script": "the words to be spoken; {{name}} is filled from the column “name”",
    "speaker": "who speaks the script; empty for the usual one",
    "captions": "yes, or a look (plain, box, karaoke) to draw them into a further video, or the words of the voice",
    "model": "draft, or another model’s name; empty for the draft",
    "title": "",
    "reference": "your own name for it",
    "prompt": "mood and movement",
}
FILLED = ("script", "title", "reference", "prompt")
EXAMPLE = {
    "portrait": "anna.jpg",
    "script": "Hello {{name}}, welcome to {{town}}.",
    "model": "draft",
    "title": "Welcome, {{name}}",
    "reference": "customer-1",
    "name": "Anna",
    "town": "Vienna",
}
PLACEHOLDER = re.compile(r"\{\{\s*([^{}]{1,60}?)\s*\}\}")
CSV, XLSX = "csv", "xlsx"
CONTENT_TYPES = {
    CSV: "text/csv; charset=utf-8",
    XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def filled(line: Line) -> tuple[dict[str, str], list[list[str]]]:
    """A row's cells with their placeholders filled in, and what is wrong with those: [[column, sentence], ...]."""
    cells, errors = dict(line.cells), []
    for column in FILLED:
        text = cells.get(column, "")
        for name in dict.fromkeys(PLACEHOLDER.findall(text)):
            value = line.cells.get(" ".join(name.casefold().split()))
            if value is None:
                errors.append(
                    [column, f"There is no column “{name}”. Add one, or take {{{{{name}}}}} out of the text."]
                )
            elif not value:
                errors.append([column, f"The column “{name}” is empty here, and the text needs it. Fill it in."])
        cells[column] = PLACEHOLDER.sub(lambda found: line.cells.get(_column(found), ""), text)
    return cells, errors


def _column(found: re.Match[str]) -> str:
    return " ".join(found[1].casefold().split())


def template(kind: str) -> bytes:
    """A table with every column and one row as an example."""
    columns = list(dict.fromkeys((*KNOWN, *EXAMPLE)))
    example = [EXAMPLE.get(column, "") for column in columns]
    if kind == CSV:
        out = io.StringIO()
        csv.writer(out).writerows([columns, example])
        return out.getvalue().encode("utf-8-sig")  # without the mark Excel takes it for another encoding
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = "Videos"
    sheet.append(columns)
    sheet.append(example)
    for number, cell in enumerate(sheet[1], 1):
        cell.font = Font(bold=True)
        sheet.column_dimensions[get_column_letter(number)].width = 24
    sheet.freeze_panes = "A2"
    raw = io.BytesIO()
    book.save(raw)
    return raw.getvalue()
