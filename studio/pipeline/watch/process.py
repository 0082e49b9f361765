"""The watch as a process of its own, for installations that don't want it in the queue."""

from __future__ import annotations

import logging
import math
from threading import Event

from django.db import DatabaseError, close_old_connections

from studio.pipeline.watch.loop import watch
from studio.pipeline.watch.rows import work_left

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.5  # for work, while there is none
PAUSE_SECONDS = 5.0  # without a database, nobody can watch


def watch_until(stop: Event) -> None:
    """Watch whenever there is something to watch and nobody else does, until ``stop`` is set.

    What is under way is finished first; whatever is left then goes to the queue's own watch.
    """
    while not stop.is_set():
        wait = LOOK_SECONDS
        try:
            close_old_connections()
            if work_left():
                watch(run_seconds=math.inf, stopping=stop.is_set)
        except DatabaseError:
            logger.exception("the watch has no database; it tries again in %s s", PAUSE_SECONDS)
            wait = PAUSE_SECONDS
        stop.wait(wait)
