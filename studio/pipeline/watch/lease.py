"""Lease of the watch: whose turn it is, and waking somebody up when nobody watches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from avatarsite.queue import jobs
from studio.models import WatchLease

LEASE = "watch"
LEASE_LIFE = timedelta(seconds=20)


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
    """Start a watch once this transaction has committed, unless one is running and will see the row by itself.

    A watcher looks once more after it has let the lease go, so a job that was stored while it still ran is not missed.
    """
    transaction.on_commit(_wake)


def _wake() -> None:
    if not WatchLease.objects.filter(pk=LEASE, expires_at__gt=timezone.now()).exists():
        jobs.enqueue("studio.watch")


def acquire_lease(owner: str, paces: dict[str, Any] | None = None) -> bool:
    """Take or renew the lease for ``owner``. False if somebody else has it. ``paces`` are for whoever takes it next."""
    now = timezone.now()
    mine = WatchLease.objects.filter(Q(expires_at__lt=now) | Q(owner=owner), pk=LEASE)
    told = {} if paces is None else {"paces": paces}
    if mine.update(owner=owner, expires_at=now + LEASE_LIFE, fence=F("fence") + 1, **told):
        return True
    try:
        with transaction.atomic():
            WatchLease.objects.create(name=LEASE, owner=owner, fence=1, expires_at=now + LEASE_LIFE)
    except IntegrityError:
        return False
    return True


def saved_rate_limits() -> dict[str, Any]:
    """What the last watch has learned of how fast each provider may be asked."""
    lease = WatchLease.objects.filter(pk=LEASE).first()
    return lease.paces if lease else {}


def release_lease(owner: str) -> None:
    WatchLease.objects.filter(pk=LEASE, owner=owner).update(expires_at=timezone.now() - LEASE_LIFE)
