"""Due rows: work that a row remembers, with the moment at which it is due; and the one list of what sweeps look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Count, Min, QuerySet
from django.utils import timezone

Rows = Callable[[], "QuerySet[Any]"]
Clause = Callable[[], int]


@dataclass(frozen=True, slots=True)
class Kind:
    """Rows of one kind that fall due, and what is done about them: by a task, by the sweep, or by whoever claims them.

    A task with an ``argument`` is queued for each row and given its ``key``, one without is queued once for all.
    """

    name: str
    rows: Rows  # that may be due; which of them are is said by the column ``at``
    at: str = "next_try_at"
    task: str = ""
    argument: str = ""
    key: str = "pk"
    act: Callable[[Any], object] | None = None
    what: str = ""  # is done by ``act``, in the words of an alert

    def due(self) -> QuerySet[Any]:
        """Oldest first."""
        return self.rows().filter(**{f"{self.at}__lte": timezone.now()}).order_by(self.at)


class DueCount(NamedTuple):
    kind: str
    due: int
    since: datetime | None  # when the oldest fell due


kinds: dict[str, Kind] = {}
clauses: dict[str, Clause] = {}


def register(*those: Kind, **more: Clause) -> None:
    """Called by each app's config for its rows that fall due, and for clauses of the sweep that are about no moment.

    A clause is a question with a limit; it gives how many rows it found.
    """
    kinds.update((kind.name, kind) for kind in those)
    clauses.update(more)


def overview() -> list[DueCount]:
    """Of each kind how many rows are due and wait for somebody, and since when: a question each, along an index."""
    return [_count(kind) for kind in kinds.values()]


def _count(kind: Kind) -> DueCount:
    found = kind.due().aggregate(count=Count("pk"), since=Min(kind.at))
    return DueCount(kind.name, found["count"], found["since"])
