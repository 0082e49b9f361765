"""What runs by the clock, as the apps have registered it: ``manage.py sync_schedules`` makes the queue follow."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django_q.models import Schedule

from avatarsite.models import Lease
from avatarsite.queue import jobs

TURN = "sync_schedules"


def sync_schedules() -> list[str]:
    """Create and correct the rows, and delete what is no longer registered. Returns the names.

    Workers that start at once do it one after the other: the queue keeps no name from being there twice.
    """
    tasks = jobs.by_the_clock()
    with transaction.atomic():
        Lease.objects.get_or_create(task=TURN, defaults={"expires_at": timezone.now()})
        Lease.objects.select_for_update().get(task=TURN)
        _sync(tasks)
    return list(tasks)


def _sync(tasks: Mapping[str, jobs.Task]) -> None:
    for name, task in tasks.items():
        defaults = {
            "func": jobs.path_of(name),
            "kwargs": repr({"q_options": jobs.options_of(name)}),
            "schedule_type": Schedule.MINUTES,
            "minutes": task.every_minutes,
            "repeats": -1,
            "cluster": task.cluster,
        }
        first = timezone.now() + timedelta(minutes=task.every_minutes)
        first_of_it = Schedule.objects.filter(name=name).order_by("pk").values("pk")[:1]
        Schedule.objects.filter(name=name).exclude(pk__in=first_of_it).delete()
        Schedule.objects.update_or_create(name=name, defaults=defaults, create_defaults={**defaults, "next_run": first})
    Schedule.objects.exclude(name__in=tasks).delete()
