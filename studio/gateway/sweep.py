"""Sweep of clients' requests: finds what was dropped of them, nudges it on, and clears away what has expired."""

from __future__ import annotations

import logging
from collections.abc import Callable

from avatarsite.queue import jobs
from avatarsite.queue.sweeping import each, run_clauses
from studio.gateway import intake, stored_files, webhooks

logger = logging.getLogger(__name__)


def sweep() -> dict[str, int]:
    """Safe to run at any time; returns how many of each were found."""
    found = run_clauses(CLAUSES, "The gateway’s sweep")
    if sum(found.values()):
        logger.info("gateway: %s", ", ".join(f"{name} {count}" for name, count in found.items() if count))
    return found


def _give_up_late() -> int:
    return sum(each(intake.late_requests(), intake.give_up_late, "Giving up a request that is late"))


def _nudge_requests() -> int:
    ids = intake.due_requests()
    for request_id in ids:
        jobs.enqueue("studio.gateway_start", request_id=request_id)
    return len(ids)


def _nudge_webhooks() -> int:
    ids = webhooks.due_webhooks()
    for webhook_id in ids:
        jobs.enqueue("studio.gateway_webhook", webhook_id=webhook_id)
    return len(ids)


CLAUSES: dict[str, Callable[[], int]] = {
    "late": _give_up_late,
    "requests": _nudge_requests,
    "unwritten webhooks": webhooks.create_missing,
    "webhooks": _nudge_webhooks,
    "files": stored_files.delete_expired,
}
