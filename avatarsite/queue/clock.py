"""Clock of a host: when it is set by more than half a minute, what waits for a moment is moved along.

Else a clock set forward would end all leases and patience at once, and one set back would keep for an hour what waits
for a minute. The monotonic clock, which all processes of a host share and nobody sets, tells; a row of the host sees to
it that one process moves the rows, once. What was in somebody's hands at that moment is done again after its lease.
Where workers of another host go by a clock of their own, nothing is moved: one host's clock must not stop the others.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.apps import apps
from django.db import models, transaction
from django.db.models import F
from django.utils import timezone

from avatarsite.models import Canary, Lease

logger = logging.getLogger(__name__)

STEP_SECONDS = 30
STEPS_KEPT = 4
JUST_NOW, SOON = timedelta(minutes=1), timedelta(minutes=10)
ALIVE = timedelta(minutes=5)  # since its last sign of life
HOST = "clock "  # of a host, as a lease that nobody takes


def _offset() -> float:
    return time.time() - time.monotonic()


_patient: dict[type[models.Model], tuple[str, ...]] = {}
_known = _offset()  # a child that is forked knows what its parent does
_set_by = timedelta()


def register_patience(model: type[models.Model], *columns: str) -> None:
    """Called by each room for columns that say until when something waits, of this model or of those made of it."""
    _patient[model] = columns


def know_the_clock() -> None:
    """As this host knew it last: whoever knew it may have ended before it was set. Called as a worker starts."""
    global _known  # noqa: PLW0603 -- one clock
    told = {"expires_at": timezone.now(), "handover": {"offset": _offset()}}
    row, _ = Lease.objects.get_or_create(task=HOST + clock_id(), defaults=told)
    _known = row.handover["offset"]


def mind_the_clock() -> timedelta:
    """Whether this host's clock was set since it was last asked, and by how much. Costs nothing while it was not."""
    global _known, _set_by  # noqa: PLW0603 -- one clock
    now = _offset()
    if abs(now - _known) < STEP_SECONDS:
        return timedelta()
    is_alone = not _others_work(before=_known)
    noted = _noted(before=_known, now=now, moving=is_alone)
    stepped, _known = timedelta(seconds=round(now - _known)), now
    _set_by += stepped if is_alone else timedelta()
    if noted:
        done = "what waits was moved along" if is_alone else "other hosts work, so nothing was moved"
        logger.error("The clock of this host was set by %s seconds; %s", noted.total_seconds(), done)
    return stepped


def clock_set_by() -> timedelta:
    """By how much rows were moved along since this process, or who forked it, began."""
    mind_the_clock()
    return _set_by


def untold_steps() -> dict[str, int]:
    """The hosts whose clocks were set since this was last asked, and by how many seconds."""
    found = {}
    for row in Lease.objects.filter(task__startswith=HOST, handover__has_key="by"):
        rest = {name: value for name, value in row.handover.items() if name != "by"}
        if Lease.objects.filter(pk=row.pk, handover=row.handover).update(handover=rest):
            found[row.task] = int(row.handover["by"])
    return found


def as_others_tell(moment: datetime) -> list[datetime]:
    """What this moment of ours may have been by everybody else's clock: itself, and it without each of the steps."""
    rows = Lease.objects.filter(task__startswith=HOST, handover__has_key="steps").values_list("handover", flat=True)
    return [moment, *(moment - timedelta(seconds=step) for handover in rows for step in handover["steps"])]


def _others_work(*, before: float) -> bool:
    """Whether a cluster of a host with another clock shows signs of life, by ours as it was before it was set."""
    now = datetime.fromtimestamp(time.monotonic() + before, UTC)
    return Canary.objects.exclude(clock__in=["", clock_id()]).filter(stamped_at__gt=now - ALIVE).exists()


def _noted(*, before: float, now: float, moving: bool) -> timedelta:
    """The step, if this process is the first of its host to see it; it moves the rows if that is wished."""
    defaults = {"expires_at": timezone.now(), "handover": {"offset": before}}
    with transaction.atomic():
        task = HOST + clock_id()
        Lease.objects.get_or_create(task=task, defaults=defaults)
        row = Lease.objects.select_for_update().get(task=task)
        seconds = round(now - row.handover["offset"])
        if abs(seconds) < STEP_SECONDS:
            return timedelta()
        steps = [*row.handover.get("steps", []), seconds][-STEPS_KEPT:]
        row.handover = {"offset": now, "by": seconds, "steps": steps}
        row.save(update_fields=["handover"])
        if moving:
            _move_all(timedelta(seconds=seconds))
    return timedelta(seconds=seconds)


def _move_all(by: timedelta) -> None:
    for kind, columns in _patient.items():
        for model in (model for model in apps.get_models() if issubclass(model, kind)):
            _move(model, columns, by)


def _move(model: type[models.Model], columns: tuple[str, ...], by: timedelta) -> None:
    """But for what is about now: it has been written since. Of what was before, that comes early."""
    now, soon = timezone.now(), min(SOON, abs(by) / 2)
    for column in columns:
        waiting = model._default_manager.filter(**{f"{column}__isnull": False})  # noqa: SLF001 -- documented by Django
        waiting.exclude(**{f"{column}__range": (now - JUST_NOW, now + soon)}).update(**{column: F(column) + by})


def clock_id() -> str:
    """Which clock this process goes by: that of its kernel, also in a container, for as long as it runs."""
    boot = ""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    return boot.strip().replace("-", "")
