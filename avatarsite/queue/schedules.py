"""Everything that runs by the clock, in one table; ``manage.py sync_schedules`` makes the queue agree with it."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone
from django_q.models import Schedule

from avatarsite.queue import jobs

# name of the task -> minutes between two runs
EVERY_MINUTES: dict[str, int] = {
    "studio.sweep": 1,
    "studio.gateway_sweep": 1,
    "studio.sweep_slots": 10,
    "studio.sweep_files": 10,
    "studio.sweep_thumbnails": 10,
    "studio.sweep_bucket": 6 * 60,
    "avatarsite.forget_answers": 10,
    "avatarsite.sweep_temporary": 10,
    "avatarsite.forget_inbound_events": 60,
    "avatarsite.send_mail": 1,
    "avatarsite.forget_mail": 60,
    "avatarsite.sweep_webhooks": 1,
    "avatarsite.forget_events": 60,
    "billing.expire_lots": 5,
    "billing.write_summaries": 60,
    "billing.watch_cost_drift": 60,
    "billing.sweep_stripe": 1,
    "billing.verify_ledger": 24 * 60,
    "studio.verify_storage": 24 * 60,
    "billing.reconcile_stripe": 24 * 60,
}


def sync_schedules() -> list[str]:
    """Create and correct the rows, and delete what is no longer in the table. Returns the names."""
    for name, minutes in EVERY_MINUTES.items():
        Schedule.objects.update_or_create(
            name=name,
            defaults={
                "func": jobs.path_of(name),
                "schedule_type": Schedule.MINUTES,
                "minutes": minutes,
                "repeats": -1,
                "cluster": jobs.MAIN,
            },
            create_defaults={
                "func": jobs.path_of(name),
                "schedule_type": Schedule.MINUTES,
                "minutes": minutes,
                "repeats": -1,
                "cluster": jobs.MAIN,
                "next_run": timezone.now() + timedelta(minutes=minutes),
            },
        )
    Schedule.objects.exclude(name__in=EVERY_MINUTES).delete()
    return list(EVERY_MINUTES)
