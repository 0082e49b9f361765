from __future__ import annotations

import time
from typing import Any

from django.core.management.commands import migrate
from django.db.utils import OperationalError
from psycopg.errors import LockNotAvailable

MAX_TRIES = 60
PAUSE = 2.0  # in which those who waited behind it have their turn


class Command(migrate.Command):
    """Django's own, but for this: a migration that finds a table in use gives way, and is tried again."""

    def handle(self, *args: Any, **options: Any) -> None:
        for tries in range(MAX_TRIES):
            try:
                super().handle(*args, **options)
            except OperationalError as error:
                if not isinstance(error.__cause__, LockNotAvailable) or tries == MAX_TRIES - 1:
                    raise
                self.stderr.write("A table is in use, so the migration gives way. It is tried again.")
                time.sleep(PAUSE)
            else:
                return
