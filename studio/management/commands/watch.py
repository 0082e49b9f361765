from __future__ import annotations

import signal
from threading import Event
from typing import Any

from django.core.management.base import BaseCommand

from studio.pipeline.watch.process import watch_until


class Command(BaseCommand):
    help = "Sends renders and watches them at their providers. SIGTERM or Ctrl-C stops it gracefully."
    # They would load every page of the site.
    requires_system_checks: list[str] = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        stop = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        self.stdout.write("Watching.")
        watch_until(stop)
