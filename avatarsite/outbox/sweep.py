"""Sweep of what was dropped: events that nobody numbered, deliveries that are due."""

from __future__ import annotations

from collections.abc import Callable

from django.utils import timezone

from avatarsite.outbox.events import fan_out_all
from avatarsite.outbox.lease import work_left
from avatarsite.queue import jobs
from avatarsite.queue.sweeping import run_clauses


def sweep() -> dict[str, int]:
    """Safe to repeat, and at once; returns how many of each were found."""
    return run_clauses(CLAUSES, "The sweep of webhooks")


def _nudge_sender() -> int:
    if not work_left(timezone.now()):
        return 0
    jobs.enqueue("avatarsite.send_webhooks")
    return 1


CLAUSES: dict[str, Callable[[], int]] = {"events": fan_out_all, "deliveries": _nudge_sender}
