from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from avatarsite.queue.schedules import sync_schedules


class Command(BaseCommand):
    help = "Makes the queue's schedules agree with what the apps have registered."

    def handle(self, *_args: Any, **_options: Any) -> None:
        for name in sync_schedules():
            self.stdout.write(name)
