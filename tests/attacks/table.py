"""Tables that a test run prints at its end, for people: a test records rows, which travel on its report."""

from __future__ import annotations

from typing import Any

PROPERTY = "row of a table"


def row(title: str, *cells: object) -> tuple[str, list[str]]:
    """What a test gives to ``record_property``."""
    return PROPERTY, [title, *map(str, cells)]


def print_rows(terminal: Any) -> None:
    tables: dict[str, list[list[str]]] = {}
    for report in (one for name in ("passed", "failed") for one in terminal.stats.get(name, []) if one.when == "call"):
        for name, (title, *cells) in (one for one in report.user_properties if one[0] == PROPERTY):
            assert name == PROPERTY
            tables.setdefault(title, []).append(cells)
    for title, rows in tables.items():
        terminal.section(title)
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        for cells in rows:
            terminal.line("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())
