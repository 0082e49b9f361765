from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand

from avatarsite.monitoring.standstill import check_queue


class Command(BaseCommand):
    help = (
        "Exits 1 from the first minute in which a cluster is silent, and tells the operator by mail after five, then "
        "hourly; for cron."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        sentence = check_queue()
        self.stdout.write(sentence or "The queue moves.")
        if sentence:
            sys.exit(1)
