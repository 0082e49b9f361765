"""Progress of a table: its rows counted by what has become of them, and what they cost together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Sum

from avatarsite.workspaces.models import Workspace
from studio.models import BatchRow, BatchTable, RenderState, RowState, TableState
from studio.models.renders import ALIVE


@dataclass(frozen=True, slots=True)
class Progress:
    """Rows by what has become of them; ``to_make`` are those that wait for a yes. Amounts in micro-dollars."""

    rows: int
    new: int
    to_make: int
    bad: int
    alive: int
    ready: int
    failed: int
    likely_micros: int
    ceiling_micros: int
    charged_micros: int

    @property
    def checked(self) -> int:
        return self.rows - self.new

    @property
    def asked(self) -> int:
        return self.alive + self.ready + self.failed

    @property
    def ended(self) -> int:
        return self.ready + self.failed

    @property
    def wanted(self) -> int:
        """Rows that are or will be videos."""
        return self.asked + self.to_make


def tables_of(workspace: Workspace) -> QuerySet[BatchTable]:
    return BatchTable.objects.for_workspace(workspace).select_related("group", "project", "made_by")


def progress_of(table: BatchTable) -> Progress:
    return progress_of_all([table])[table.pk]


def progress_of_all(tables: list[BatchTable]) -> dict[str, Progress]:
    """Two questions, however many tables."""
    rows = BatchRow.objects.filter(table__in=tables).order_by()
    counts: dict[str, Counter[str]] = {table.pk: Counter() for table in tables}
    for table_id, state, render_state, count in rows.values_list("table_id", "state", "render__state").annotate(
        Count("pk")
    ):
        counts[table_id][_word(state, render_state)] += count
    sums = {
        found["table_id"]: found
        for found in rows.values("table_id").annotate(
            likely=Sum("likely_micros", filter=Q(state=RowState.GOOD), default=0),
            ceiling=Sum("ceiling_micros", filter=Q(state=RowState.GOOD), default=0),
            charged=Sum(F("render__charge_micros") - F("render__returned_micros"), default=0),
        )
    }
    return {table.pk: _progress(counts[table.pk], sums.get(table.pk, {})) for table in tables}


def is_moving(table: BatchTable, progress: Progress) -> bool:
    """Whether a page about it should look again."""
    return table.state in (TableState.CHECKING, TableState.MAKING) or bool(progress.alive)


def _word(state: str, render_state: str | None) -> str:
    if state == RowState.REFUSED:
        return "failed"
    if state != RowState.ASKED:
        return state
    if render_state is None:
        return "failed"  # its video was deleted for good
    if render_state == RenderState.READY:
        return "ready"
    return "alive" if render_state in ALIVE else "failed"


def _progress(counts: Counter[str], sums: Mapping[str, Any]) -> Progress:
    return Progress(
        rows=counts.total(),
        new=counts[RowState.NEW],
        to_make=counts[RowState.GOOD],
        bad=counts[RowState.BAD],
        alive=counts["alive"],
        ready=counts["ready"],
        failed=counts["failed"],
        likely_micros=sums.get("likely", 0),
        ceiling_micros=sums.get("ceiling", 0),
        charged_micros=sums.get("charged", 0),
    )
