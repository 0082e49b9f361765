from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from avatarsite.queue import worker


class Command(BaseCommand):
    help = "Runs the task queue's clusters and keeps them alive. SIGTERM or Ctrl-C stops it gracefully."
    # They belong to `check`; a worker starts at once.
    requires_system_checks: list[str] = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        worker.run()
