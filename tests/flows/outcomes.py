"""The table of what became of each fault, printed at the end of a test run that tried some."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

PROPERTY = "outcome"
HEAD = ("fault", "provider", "state", "jobs there", "charged", "hold")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One row. It travels on the test's report, so that it arrives from another process too."""

    fault: str
    provider: str
    state: str
    jobs: int
    charged: str
    hold: str

    def property(self) -> tuple[str, dict[str, Any]]:
        return PROPERTY, asdict(self)


def outcomes_of(reports: Iterable[Any]) -> list[Outcome]:
    """The rows that the reports of tests carry."""
    found = (value for report in reports for name, value in getattr(report, "user_properties", ()) if name == PROPERTY)
    return [Outcome(**value) for value in found]


def table(outcomes: Iterable[Outcome]) -> list[str]:
    """Lines in columns, a row for each outcome."""
    rows = [HEAD, *(tuple(str(cell) for cell in asdict(outcome).values()) for outcome in outcomes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def print_table(terminal: Any) -> None:
    """At the end of a run: what ``terminal`` has seen."""
    reports = [report for name in ("passed", "failed") for report in terminal.stats.get(name, [])]
    outcomes = outcomes_of(report for report in reports if report.when == "call")
    if outcomes:
        terminal.section("what became of each fault at each provider")
        for line in table(outcomes):
            terminal.line(line)
