"""What runs by the clock, as the apps have registered it: ``manage.py sync_schedules`` makes the queue follow."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone
from django_q.models import Schedule

from avatarsite.queue import jobs


def sync_schedules() -> list[str]:
    """Create and correct the rows, and delete what is no longer registered. Returns the names."""
    tasks = jobs.by_the_clock()
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
        Schedule.objects.update_or_create(name=name, defaults=defaults, create_defaults={**defaults, "next_run": first})
    Schedule.objects.exclude(name__in=tasks).delete()
    return list(tasks)
