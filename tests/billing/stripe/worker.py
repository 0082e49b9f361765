"""A worker for tests: what lies in the queue is done, one after the other, as the cluster would do it."""

from __future__ import annotations

from typing import Any

from django_q.models import OrmQ
from django_q.signing import SignedPackage

from avatarsite.queue.jobs import resolve


def work() -> list[str]:
    """Do everything that is queued, and what that queues; the names of the tasks in their order."""
    done = []
    while row := OrmQ.objects.order_by("pk").first():
        row.delete()
        task: dict[str, Any] = SignedPackage.loads(row.payload)
        resolve(task["name"])(**task["kwargs"])
        done.append(str(task["name"]))
    return done
