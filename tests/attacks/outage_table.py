"""The table of docs/operations.md that says what each door answers while a part is away: the test goes by it."""

from __future__ import annotations

from tests.support.paths import ROOT

HEADING = "## When a part is away"
AS_EVER, AWAY, PAUSED = "as ever", "503", "paused"


def answers() -> dict[str, dict[str, list[str]]]:
    """By fault and by door: the statuses that may be seen, of which ``as ever`` is the usual one."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    lines = text.partition(HEADING)[2].partition("\n## ")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    (head, *body), found = rows[: _end(rows)], {}
    for number, fault in enumerate(head[1:], start=1):
        found[fault] = {row[0]: row[number].split(" or ") for row in body}
    return found


def goes_on() -> dict[str, str]:
    """By fault: what the worker does meanwhile and afterwards."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    lines = text.partition(HEADING)[2].partition("\n## ")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    return {row[0]: row[1] for row in rows[_end(rows) + 1 :]}


def _end(rows: list[list[str]]) -> int:
    return next(number for number, row in enumerate(rows) if len(row) != len(rows[0]))
