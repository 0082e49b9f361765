"""Wake-up of the watch, when nobody watches; and of others by it, at their time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.db import transaction

from avatarsite.queue import lease

WATCH = "studio.watch"


@dataclass(frozen=True, slots=True)
class Alarm:
    """Rows that are no jobs, and that somebody is to be nudged about at their time, sooner than the sweep comes by.

    ``nudge`` is called with the times of two looks of the watch; ``is_due_soon`` keeps it going.
    """

    name: str
    nudge: Callable[[datetime, datetime], int]
    is_due_soon: Callable[[], bool]

    def __str__(self) -> str:
        return self.name


alarms: list[Alarm] = []


def notify_watcher() -> None:
    """Start a watch once this transaction has committed, unless one is running and will see the row by itself."""
    transaction.on_commit(partial(lease.wake, WATCH))
