"""The notice that needs no worker: a queue that stands still is told by whoever still runs.

Every web process looks once a minute, and so may a cron line (``manage.py check_queue``). What they saw stands in one
row, so that all of them together tell it once, and again each hour. They also send what mail is due meanwhile, because
the worker that does it otherwise may be what has died.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.models import Q
from django.utils import timezone

from avatarsite.alerts import close_alert, owe_mail, raise_alert, restate_alert
from avatarsite.mail.sender import send_due
from avatarsite.models import QueueSilence
from avatarsite.outages.database import watch
from avatarsite.queue import depth as queue_depth
from avatarsite.queue import heartbeat

logger = logging.getLogger(__name__)

KIND, KEY = "queue_still", "queue"
ROW = 1
# Of silence, from the last sign of life. Longer than a worker takes to stop gracefully; with a look a minute the mail
# is out in the sixth minute.
PATIENCE = timedelta(minutes=5)
REMIND_EVERY = timedelta(hours=1)
LOOK_SECONDS = 60.0


def keep_watch() -> None:
    """Look from a thread of this process, as long as it lives."""
    threading.Thread(target=_look_always, daemon=True, name="queue-watch").start()


def check_queue() -> str:
    """One look: a sentence when the queue stands still, "" otherwise. Tells the operator after ``PATIENCE``."""
    silent = heartbeat.silent()
    if not silent:
        _moves()
        return ""
    now = timezone.now()
    seen = QueueSilence.objects.get_or_create(pk=ROW, defaults={"since": now})[0].since
    signs = heartbeat.last_signs()
    since = min(seen, *(signs.get(name, seen) for name in silent))
    message = _message(silent, since)
    # Seen once is not enough: after a night without power the web server is up before the worker is.
    if now - since >= PATIENCE and now - seen >= timedelta(seconds=LOOK_SECONDS) / 2:
        _tell(message, now)
        send_due()
    return message


def _look_always() -> None:
    # Not all processes in the same second.
    time.sleep(random.uniform(0, LOOK_SECONDS))  # noqa: S311
    while True:
        try:
            with _guarded():
                check_queue()
        except Exception:
            logger.exception("The look at the queue failed; the next is in a minute.")
        finally:
            connections.close_all()
        time.sleep(LOOK_SECONDS)


def _guarded() -> AbstractContextManager[None]:
    """A database that hangs holds no thread for ever."""
    database = connections[DEFAULT_DB_ALIAS]
    return watch.over(database) if database.vendor == "postgresql" else nullcontext()


def _moves() -> None:
    if QueueSilence.objects.all().delete()[0]:
        close_alert(KIND, KEY)


def _tell(message: str, now: datetime) -> None:
    """Whoever gets the row tells it; the others of this hour say only how it stands now."""
    not_told = Q(told_at=None) | Q(told_at__lte=now - REMIND_EVERY)
    with transaction.atomic():
        if not QueueSilence.objects.filter(not_told, pk=ROW).update(told_at=now):
            restate_alert(KIND, KEY, message)
            return
        alert = raise_alert(KIND, KEY, message)
        if alert.count > 1:
            owe_mail(alert, reminder=f"{now:%Y-%m-%dT%H:%M}")


def _message(silent: dict[str, str], since: datetime) -> str:
    words = ", ".join(f"{name} is {word}" for name, word in silent.items())
    tasks = sum(depth.due for depth in queue_depth.depths().values())
    return (
        f"The queue stands still since {since:%H:%M} UTC: {words}. {tasks} tasks wait, and with them every new video."
    )
