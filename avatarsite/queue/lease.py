"""Lease of a task: whose turn it is to do what one process should do at a time, and what it leaves to the next.

For economy only: the row is taken by compare-and-set, but a holder that is late runs on beside the next. So two at once
must do no harm, and what each of them acts on has a claim of its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from avatarsite.models import Lease
from avatarsite.queue import jobs

LIFE = timedelta(seconds=20)


def run_alone(task: str, run: Callable[[str], None], work_left: Callable[[], bool]) -> bool:
    """Run as the holder, then let go, and queue a successor if there is work left. False if somebody else holds it.

    ``work_left`` is asked after the lease has been let go: what is stored later wakes a successor by itself.
    """
    owner = str(uuid.uuid4())
    if not acquire(task, owner):
        return False
    try:
        run(owner)
    finally:
        release(task, owner)
        if work_left():
            jobs.enqueue(task)
    return True


def wake(task: str) -> None:
    """Queue the task, unless somebody holds its lease and will see what there is by itself."""
    if not held(task):
        jobs.enqueue(task)


def held(task: str) -> bool:
    return Lease.objects.filter(task=task, expires_at__gt=timezone.now()).exists()


def acquire(task: str, owner: str, *, life: timedelta = LIFE, handover: dict[str, Any] | None = None) -> bool:
    """Take or renew the lease for ``owner``. False if somebody else has it. ``handover`` is for whoever has it next."""
    now = timezone.now()
    Lease.objects.get_or_create(task=task, defaults={"expires_at": now})
    free = Lease.objects.filter(Q(expires_at__lte=now) | Q(owner=owner), task=task)
    left = {} if handover is None else {"handover": handover}
    return bool(free.update(owner=owner, expires_at=now + life, **left))


def release(task: str, owner: str, *, pause: timedelta = timedelta()) -> None:
    """Let go; nobody takes it during ``pause``."""
    # Without one, early enough for hosts whose clocks differ.
    expires_at = timezone.now() + (pause or -LIFE)
    Lease.objects.filter(task=task, owner=owner).update(owner="", expires_at=expires_at)


def queue_dropped() -> None:
    """Queue each task whose lease ran out in somebody's hands: its holder is gone, and so is what had been queued."""
    dropped = Lease.objects.filter(task__in=jobs.registered(), expires_at__lte=timezone.now()).exclude(owner="")
    for task, owner in dropped.values_list("task", "owner"):
        with transaction.atomic():  # else whoever is killed between the two drops it again
            if dropped.filter(task=task, owner=owner).update(owner=""):
                jobs.enqueue(task)


def handover(task: str) -> dict[str, Any]:
    """What the last holder has left."""
    row = Lease.objects.filter(task=task).first()
    return row.handover if row else {}
