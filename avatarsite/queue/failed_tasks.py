"""A task of the queue that raises is an alert, until the same one goes well; the row that it was about is due again."""

from __future__ import annotations

import logging
from typing import Any

from django_q.signals import post_execute_in_worker

from avatarsite.alerts import close_alert, raise_alert
from avatarsite.models import Alert

logger = logging.getLogger(__name__)

KIND = "task_failed"
MAX_SHOWN = 4_000


def connect() -> None:
    """Listen, in a process that will fork workers."""
    post_execute_in_worker.connect(_ended, dispatch_uid="failed_tasks")


def _ended(task: dict[str, Any], **_: Any) -> None:
    name, about = str(task.get("name", "")), task.get("kwargs") or {}
    try:
        note_end(name, about, failure="" if task.get("success") else str(task.get("result")))
    except Exception:
        logger.exception("how %s ended could not be told", name)


def note_end(name: str, about: dict[str, Any], *, failure: str) -> None:
    """Raise or close the alert of a task of this name and these arguments; ``failure`` is empty when it went well."""
    key = _key(name, about)
    if failure:
        why = failure.partition(" : Traceback")[0]
        told = f"The task {key} failed: {why} What it was about stays due and is tried again, if it may be."
        raise_alert(KIND, key, told[:1_000], arguments=about, trace=failure[-MAX_SHOWN:])
    elif Alert.objects.filter(kind=KIND, key=key, closed_at=None).exists():
        close_alert(KIND, key)


def _key(name: str, about: dict[str, Any]) -> str:
    """With what it was about; but alerts are mailed by tasks of this site's own, which must not make ever new ones."""
    things = [] if name.startswith("avatarsite.") else [str(value) for value in about.values()]
    return " ".join([name, *things])[:200]
