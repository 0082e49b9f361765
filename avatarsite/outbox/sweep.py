"""What was dropped: events that nobody numbered, deliveries that are due."""

from __future__ import annotations

from django.utils import timezone

from avatarsite import jobs
from avatarsite.outbox.events import fan_out_all
from avatarsite.outbox.wake import work_left


def sweep() -> None:
    """Safe to repeat, and at once."""
    fan_out_all()
    if work_left(timezone.now()):
        jobs.enqueue("avatarsite.send_webhooks")
