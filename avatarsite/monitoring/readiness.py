"""Readiness: the parts that have to be there, each a function that says in a sentence what is wrong, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from avatarsite.queue import depth as queue_depth
from avatarsite.queue import heartbeat

Check = Callable[[], str]

MAX_WAIT = timedelta(minutes=5)  # of the oldest task in the queue
_registered: dict[str, Check] = {}
_migrated = False


def register_part(name: str, check: Check) -> None:
    """Let an app's part be asked, too. The check answers within two seconds, whatever hangs."""
    _registered[name] = check


def look() -> dict[str, str]:
    """What is wrong with each part; "" where it is well. Without a database nothing else is asked of it."""
    found = {"database": _database()}
    own = {} if found["database"] else {"migrations": _migrations, "queue": _queue, "clusters": _clusters}
    for name, check in (*own.items(), *_registered.items()):
        try:
            found[name] = check()
        except DatabaseError as error:
            found[name] = f"The {name} could not be asked about: {type(error).__name__}."
    return found


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "The database does not answer."
    return ""


def _migrations() -> str:
    """Asked until all are applied; a process never loses them again."""
    global _migrated  # noqa: PLW0603 -- one fact of the process
    if not _migrated:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if missing:
            return f"Not applied: {', '.join(sorted(str(each[0]) for each in missing))}. Run manage.py migrate."
        _migrated = True
    return ""


def _queue() -> str:
    now = timezone.now()
    for cluster, depth in queue_depth.depths().items():
        if depth.oldest and now - depth.oldest > MAX_WAIT:
            minutes = (now - depth.oldest) // timedelta(minutes=1)
            return f"The queue does not move: {depth.due} tasks wait for {cluster}, the oldest for {minutes} min."
    return ""


def _clusters() -> str:
    words = ", ".join(f"{name} is {word}" for name, word in heartbeat.silent().items())
    return f"The worker shows no sign of life: {words}." if words else ""
