"""Wake-up of the watch, when nobody watches."""

from __future__ import annotations

from django.db import transaction

from avatarsite.queue import lease

WATCH = "studio.watch"


def notify_watcher() -> None:
    """Start a watch once this transaction has committed, unless one is running and will see the row by itself.

    What is committed stands, also when nobody can be woken: the sweep finds it.
    """
    transaction.on_commit(_wake, robust=True)


def _wake() -> None:
    lease.wake(WATCH)
