"""Wake-up of the watch, when nobody watches."""

from __future__ import annotations

from functools import partial

from django.db import transaction

from avatarsite.queue import lease

WATCH = "studio.watch"


def notify_watcher() -> None:
    """Start a watch once this transaction has committed, unless one is running and will see the row by itself."""
    transaction.on_commit(partial(lease.wake, WATCH))
