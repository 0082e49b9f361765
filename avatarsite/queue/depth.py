"""Depth of the queue, and the signs of life of those who work it off; for whoever is on duty."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min, Q
from django.utils import timezone
from django_q.models import OrmQ

from avatarsite.models import BusyWorker, Canary
from avatarsite.queue import due_rows, jobs

SILENT = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Worker:
    """One worker's cluster: when it last brought a task to its end, and how many long ones it is inside of."""

    name: str
    stamped_at: datetime
    busy: int

    @property
    def is_silent(self) -> bool:
        return timezone.now() - self.stamped_at > SILENT


@dataclass(frozen=True, slots=True)
class Depth:
    """``at_work`` are taken; a worker that dies leaves its own there until their time has run out."""

    due: int = 0
    at_work: int = 0
    oldest: datetime | None = None


@dataclass(frozen=True, slots=True)
class ClusterDepth:
    """``waiting`` counts those that are being worked on, too; ``oldest`` is since when the first has been due."""

    cluster: str
    waiting: int
    oldest: datetime | None
    workers: list[Worker]


def depths() -> dict[str, Depth]:
    """One query, by the queue's own columns: a task's ``lock`` is when it is due, first and after it was taken."""
    due = Q(lock__lte=timezone.now())
    counted = {"due": Count("pk", filter=due), "at_work": Count("pk", filter=~due), "oldest": Min("lock", filter=due)}
    rows = OrmQ.objects.order_by().values_list("key").annotate(**counted)
    return {name: Depth() for name in jobs.CLUSTERS} | {key: Depth(*found) for key, *found in rows}


@dataclass(frozen=True, slots=True)
class Standing:
    """The clusters, and the rows that are due."""

    clusters: list[ClusterDepth]
    due: list[due_rows.DueCount]


def standing() -> Standing:
    return Standing(of_each_cluster(), [kind for kind in due_rows.overview() if kind.due])


def of_each_cluster() -> list[ClusterDepth]:
    queued = depths()
    busy = {
        (row["worker"], row["cluster"]): row["count"]
        for row in BusyWorker.objects.filter(until__gt=timezone.now())
        .values("worker", "cluster")
        .annotate(count=Count("pk"))
    }
    workers: dict[str, list[Worker]] = {cluster: [] for cluster in jobs.CLUSTERS}
    for sign in Canary.objects.order_by("-stamped_at"):
        worker = Worker(sign.worker, sign.stamped_at, busy.get((sign.worker, sign.cluster), 0))
        workers.setdefault(sign.cluster, []).append(worker)
    return [
        ClusterDepth(cluster, (depth := queued.get(cluster, Depth())).due + depth.at_work, depth.oldest, found)
        for cluster, found in workers.items()
    ]
