"""Due rows: work that a row remembers, with the moment at which it is due; and the one list of what sweeps look at.

What each kind promises (how often, how long, after which pauses, what happens in the end) stays with its room.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import models
from django.db.models import Count, Min, QuerySet
from django.utils import timezone

from avatarsite.outages.answers import outage_of
from avatarsite.queue.clock import clock_set_by, mind_the_clock, register_patience

Rows = Callable[[], "QuerySet[Any]"]
Clause = Callable[[], int]
RENEW_SECONDS = 30.0


class DueRow(models.Model):
    """A row with work that is due at ``next_try_at``, or with none (any more) while that is empty.

    A claim is a compare-and-set, and makes the row due again after a lease: what a dead worker had comes back by
    itself. Whatever moves the row on changes one of the two columns, so a writer that has lost it writes nothing.
    """

    tries = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True, blank=True)

    _claimed_by: timedelta | None = None  # how far the clock had been set when this process took it

    class Meta:
        abstract = True

    def claim(self, lease: timedelta, *, now: datetime | None = None, **fields: Any) -> bool:
        """Take the row for ``lease``. False if it isn't due, or somebody else was first.

        The try is counted in a committed row before the risky part, so one that kills its worker is given up on too.
        """
        mind_the_clock()
        now = now or timezone.now()
        if self.next_try_at is None or self.next_try_at > now:
            return False
        self._claimed_by = clock_set_by()
        return self.write(tries=self.tries + 1, next_try_at=now + lease, **fields)

    def put_off(self, wait: timedelta, **fields: Any) -> bool:
        """Make it due after ``wait``: for another try, or to keep the claim while the work goes on."""
        return self.write(next_try_at=timezone.now() + wait, **fields)

    def renewing(self, lease: timedelta, lost: Callable[[], Exception]) -> Callable[[object], None]:
        """What long work calls as it goes on: it renews the claim at times, and raises ``lost()`` once that is gone."""
        renewed = time.monotonic()

        def renew(_progress: object) -> None:
            nonlocal renewed
            if time.monotonic() - renewed > RENEW_SECONDS:
                renewed = time.monotonic()
                if not self.put_off(lease):
                    raise lost()

        return renew

    def finish(self, **fields: Any) -> bool:
        """Nothing is left to be done."""
        return self.write(next_try_at=None, **fields)

    def waits_out(self, error: Exception) -> bool:
        """Whether a part of ours is away; then it is put off, at random, which is no try of it."""
        outage = outage_of(error)
        if outage is None:
            return False
        wait = timedelta(seconds=random.uniform(1, 3) * outage.retry_after)  # noqa: S311
        self.write(tries=max(self.tries - 1, 0), next_try_at=timezone.now() + wait)
        return True

    def write(self, **fields: Any) -> bool:
        """Write ``fields`` if the row still stands as it was read or last written. False if somebody has moved it."""
        rows = type(self)._default_manager  # noqa: SLF001 -- documented by Django
        won = rows.filter(pk=self.pk, tries=self.tries, next_try_at=self._stands_at()).update(**fields)
        if won:
            for name, value in fields.items():
                setattr(self, name, value)
        return bool(won)

    def _stands_at(self) -> datetime | None:
        """Where its claim stands: a clock that was set since has moved it along."""
        now = clock_set_by()
        if self.next_try_at is not None and self._claimed_by is not None and now != self._claimed_by:
            self.next_try_at, self._claimed_by = self.next_try_at + now - self._claimed_by, now
        return self.next_try_at


register_patience(DueRow, "next_try_at")


def backoff(tries: int, *, first: float, most: float) -> timedelta:
    """``first`` seconds, doubling with each try, at most ``most``."""
    return timedelta(seconds=min(first * 2 ** max(tries - 1, 0), most))


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
    prompt: bool = False  # queued at its moment by the watch, not only when the sweep comes by
    act: Callable[[Any], object] | None = None
    what: str = ""  # is done by ``act``, in the words of an alert
    apart: bool = False  # in a task of its own, because it waits for somebody else

    def __str__(self) -> str:
        return self.name

    def due(self) -> QuerySet[Any]:
        """Oldest first."""
        return self.between(None, timezone.now()).order_by(self.at)

    def between(self, since: datetime | None, until: datetime) -> QuerySet[Any]:
        rows = self.rows().filter(**{f"{self.at}__lte": until})
        return rows.filter(**{f"{self.at}__gt": since}) if since else rows


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
