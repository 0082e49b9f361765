from __future__ import annotations

import gc
from importlib import import_module
from typing import Any

from django_q.management.commands.qcluster import Command as QCluster

from avatarsite import jobs


class Command(QCluster):  # type: ignore[misc]  # django-q2 has no types
    help = "Runs one cluster of the task queue, Q_CLUSTER_NAME; manage.py worker runs all of them and keeps them alive."
    # They would load every page of the site into each worker.
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """What the workers need is loaded before they are forked, so that they share one copy of it."""
        for app in jobs.APPS:
            import_module(f"{app}.tasks")
        gc.collect()
        gc.freeze()
        super().handle(*args, **options)
