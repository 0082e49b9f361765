from __future__ import annotations

from typing import Any

from django_q.management.commands.qcluster import Command as QCluster

from avatarsite.preload import preload


class Command(QCluster):  # type: ignore[misc]  # django-q2 has no types
    help = "Runs one cluster of the task queue, Q_CLUSTER_NAME; manage.py worker runs all of them and keeps them alive."
    # They would load every page of the site into each worker.
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        preload()
        super().handle(*args, **options)
