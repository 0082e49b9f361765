from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from avatarsite.queue.preload import preload
from avatarsite.queue.supervisor import Supervisor


class Command(BaseCommand):
    help = "Runs the task queue's clusters and keeps them alive. SIGTERM or Ctrl-C stops it gracefully."
    # They would load every page of the site.
    requires_system_checks: list[str] = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        preload()
        Supervisor().run()
