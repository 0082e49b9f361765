from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand

from avatarsite.monitoring.standstill import check_queue


class Command(BaseCommand):
    help = "Tells the operator by mail, at most hourly, when the queue stands still; for cron. Exits 1 while it does."

    def handle(self, *_args: Any, **_options: Any) -> None:
        sentence = check_queue()
        self.stdout.write(sentence or "The queue moves.")
        if sentence:
            sys.exit(1)
