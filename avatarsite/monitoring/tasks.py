"""Tasks of the queue as they are seen from outside: what their lines in the log are about, and how they went."""

from __future__ import annotations

import logging
import time
from typing import Any

from django_q.signals import post_execute_in_worker, pre_execute

from avatarsite.monitoring import logs
from avatarsite.monitoring.metrics import counter, histogram

logger = logging.getLogger(__name__)

# What a task is given, and what that is called in the log.
NAMED = {
    "render_id": "render",
    "job_id": "job",
    "request_id": "gateway_request",
    "event_pk": "webhook",
    "webhook_id": "webhook",
}
TASKS = counter("tasks", "Tasks that have been run.", "task", "outcome")
SECONDS = histogram("task_duration_seconds", "Time that a task took.", "task")

_began = 0.0


def connect() -> None:
    """Listen, in a process that will fork workers."""
    pre_execute.connect(_begin, dispatch_uid="seen_from_outside")
    post_execute_in_worker.connect(_end, dispatch_uid="seen_from_outside")


def _begin(task: dict[str, Any], **_: Any) -> None:
    global _began  # noqa: PLW0603 -- a worker does one task at a time
    _began = time.monotonic()
    given = task.get("kwargs") or {}
    about = {NAMED[name]: str(value) for name, value in given.items() if name in NAMED}
    # A task without an argument looks after everybody's rows: it is of no one request.
    request = str(task.get("group") or "") if given else ""
    logs.begin(task=str(task.get("name", "")), request=request, **about)


def _end(task: dict[str, Any], **_: Any) -> None:
    try:
        name = str(task.get("name", ""))
        TASKS.labels(name, "done" if task.get("success") else "failed").inc()
        SECONDS.labels(name).observe(time.monotonic() - _began)
    except Exception:
        logger.exception("a task could not be counted")
    logs.begin()
