"""What the site's own rows say for ``/metrics``: the queue, its clusters, what is due, open alerts."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Count
from django.utils import timezone
from prometheus_client.core import Metric

from avatarsite.models import Alert
from avatarsite.monitoring.metrics import gauge
from avatarsite.queue import depth as queue_depth
from avatarsite.queue import due_rows, heartbeat


def read_queue() -> Iterator[Metric]:
    now = timezone.now()
    depths = queue_depth.depths()
    tasks = [((name, "due"), depth.due) for name, depth in depths.items()]
    tasks += [((name, "at_work"), depth.at_work) for name, depth in depths.items()]
    yield gauge("queue_tasks", "Tasks in the queue.", tasks, "cluster", "state")
    oldest = [((name,), (now - depth.oldest).total_seconds() if depth.oldest else 0) for name, depth in depths.items()]
    yield gauge("queue_oldest_seconds", "For how long the oldest task waits.", oldest, "cluster")
    alive = [((name,), float(word == "ok")) for name, word in heartbeat.words().items()]
    yield gauge("cluster_alive", "Whether a cluster of the worker shows signs of life.", alive, "cluster")


def read_due() -> Iterator[Metric]:
    now = timezone.now()
    found = due_rows.overview()
    told = "Rows that are due and wait for somebody, by their kind."
    yield gauge("due_rows", told, [((row.kind,), row.due) for row in found], "kind")
    ages = [((row.kind,), (now - row.since).total_seconds() if row.since else 0) for row in found]
    yield gauge("due_oldest_seconds", "For how long the oldest row of a kind has been due.", ages, "kind")


def read_alerts() -> Iterator[Metric]:
    rows = Alert.objects.filter(closed_at=None).order_by().values_list("kind").annotate(rows=Count("pk"))
    yield gauge("alerts_open", "Open alerts.", [((kind,), rows) for kind, rows in rows], "kind")
