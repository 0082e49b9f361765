"""Signs of life: stamped by the last process of a cluster's chain, read by its worker and by /healthz.

django-q2 fires ``post_execute`` in the monitor process after the acknowledgement, so a stamp proves the whole chain of
pusher, worker and monitor. Any task counts; the canary sees to it that there is one. A raise in a signal handler would
kill the process that sends the signal, so nothing here raises.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connections
from django.db.models import Max, QuerySet
from django.utils import timezone
from django_q.signals import post_execute, post_execute_in_worker, pre_execute

from avatarsite.desk import Waiting
from avatarsite.models import BusyWorker, Canary
from avatarsite.queue import jobs
from avatarsite.queue.clock import clock_id

logger = logging.getLogger(__name__)

STAMP_EVERY_SECONDS = 1.0
SILENT_SECONDS = 60  # after which a cluster counts as silent; its worker starts it again much sooner
FORGOTTEN_AFTER = timedelta(minutes=5)
# A task that waits for somebody else's server may fill its worker for longer than the canary may be silent, so one that
# takes long is announced; after its own limit, and some, even it counts as dead.
LONG_SECONDS = 5.0
SOME = timedelta(seconds=30)
BUSY = "*"  # behind the name of a process that is inside a task
UNANNOUNCED = frozenset({"avatarsite.canary"})

_worker = _cluster = ""  # whose this process is
_last_stamp = 0.0
_announcement: _Announcement | None = None  # of the task that it is inside of


def connect(worker: str, cluster: str) -> None:
    """Listen, in a process that a worker has started and in those that it will fork."""
    global _worker, _cluster
    _worker, _cluster = worker, cluster
    post_execute.connect(_stamp, dispatch_uid="canary")
    pre_execute.connect(_begin, dispatch_uid="canary")
    post_execute_in_worker.connect(_end, dispatch_uid="canary")


def stamped_at(worker: str, cluster: str) -> datetime | None:
    row = Canary.objects.filter(worker=worker, cluster=cluster).first()
    return row.stamped_at if row else None


def is_saturated(worker: str, cluster: str) -> bool:
    """Whether each of its processes is inside a task now, so that no canary can get through."""
    busy = BusyWorker.objects.filter(worker=worker, cluster=cluster, until__gt=timezone.now())
    inside = [pid for pid in busy.values_list("pid", flat=True) if _is_inside(pid)]
    return len(inside) >= int(_settings_of(cluster)["workers"])


def _is_inside(pid: int) -> bool:
    """By the process's own name: while the database is away nobody can write there that a task has ended."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip().endswith(BUSY)
    except OSError:  # it is gone
        return False


def be_named(cluster: str, mark: str = "") -> None:
    """For ``ps``, and for whoever asks whether it is inside a task."""
    with suppress(OSError):
        Path("/proc/self/comm").write_text(f"cluster-{cluster}{mark}")


def forget(worker: str, cluster: str) -> None:
    Canary.objects.filter(worker=worker, cluster=cluster).delete()
    BusyWorker.objects.filter(worker=worker, cluster=cluster).delete()


def ages() -> dict[str, float]:
    """Seconds since the newest sign of life of each cluster, on whichever host."""
    now = timezone.now()
    return {cluster: (now - last).total_seconds() for cluster, last in last_signs().items()}


def words() -> dict[str, str]:
    """Of each cluster "ok", or how it is silent; a cluster that nobody runs is "not running"."""
    found = ages()
    return {name: _word(found.get(name)) for name in jobs.CLUSTERS}


def silent() -> dict[str, str]:
    """The clusters that are not well, with their word."""
    return {name: word for name, word in words().items() if word != "ok"}


def waiting_clusters() -> Waiting:
    """For the first page of the admin site."""
    found = silent()
    return Waiting(len(found), ", ".join(f"{name} is {word}" for name, word in found.items()))


def last_signs() -> dict[str, datetime]:
    """When each cluster last showed a sign of life, on whichever host; a cluster that nobody has run has none."""
    signs = Canary.objects.values("cluster").annotate(last=Max("stamped_at"))
    return {row["cluster"]: row["last"] for row in signs}


def forget_dead() -> None:
    """A worker that is gone for good misleads nobody, once another one works in its place."""
    now = timezone.now()
    alive = Canary.objects.filter(stamped_at__gt=now - timedelta(seconds=SILENT_SECONDS))
    clusters = set(alive.values_list("cluster", flat=True))
    Canary.objects.filter(stamped_at__lt=now - FORGOTTEN_AFTER, cluster__in=clusters).delete()
    BusyWorker.objects.filter(until__lt=now - FORGOTTEN_AFTER).delete()


def _word(age: float | None) -> str:
    if age is None:
        return "not running"
    return "ok" if age < SILENT_SECONDS else f"silent for {age:.0f} s"


def _stamp(**_: Any) -> None:
    global _last_stamp  # noqa: PLW0603 -- one monitor process, one clock
    if time.monotonic() - _last_stamp < STAMP_EVERY_SECONDS:
        return
    _last_stamp = time.monotonic()
    try:
        now = {"stamped_at": timezone.now(), "clock": clock_id()}
        Canary.objects.update_or_create(worker=_worker, cluster=_cluster, defaults=now)
    except Exception:
        logger.exception("the canary of %s could not be stamped", _cluster)


class _Announcement(threading.Timer):
    """Of the task that this process is inside of, once it has taken long; most have ended by then."""

    def __init__(self, until: datetime) -> None:
        super().__init__(LONG_SECONDS, self._announce)
        self.daemon, self.is_made = True, False
        self._until = until

    def _announce(self) -> None:
        self.is_made = True
        try:
            if not _own_row().update(until=self._until):
                BusyWorker.objects.create(worker=_worker, pid=os.getpid(), cluster=_cluster, until=self._until)
        except Exception:
            logger.exception("a task could not be announced")
        finally:
            connections.close_all()  # this thread's own


def _begin(task: dict[str, Any], **_: Any) -> None:
    global _announcement  # noqa: PLW0603 -- a process is inside one task at a time
    if task.get("name") in UNANNOUNCED:
        return
    be_named(_cluster, BUSY)
    _announcement = _Announcement(timezone.now() + _limit(task.get("name", "")) + SOME)
    _announcement.start()


def _end(task: dict[str, Any], **_: Any) -> None:
    if task.get("name") in UNANNOUNCED or _announcement is None:
        return
    be_named(_cluster)
    _announcement.cancel()
    _announcement.join()  # it may be about to
    if not _announcement.is_made:
        return
    try:
        _own_row().update(until=timezone.now())
    except Exception:
        logger.exception("the end of a task could not be announced")


def _own_row() -> QuerySet[BusyWorker]:
    """One for as long as this process lives; each long task writes until when it may be busy."""
    return BusyWorker.objects.filter(worker=_worker, pid=os.getpid())


def _limit(name: str) -> timedelta:
    return timedelta(seconds=jobs.task_of(name).timeout or _settings_of(_cluster)["timeout"])


def _settings_of(cluster: str) -> dict[str, Any]:
    own: dict[str, Any] = settings.Q_CLUSTER["ALT_CLUSTERS"].get(cluster, {})
    return settings.Q_CLUSTER | own
