from __future__ import annotations

import sqlite3
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connection

LEAST_SQLITE = (3, 35)  # RETURNING


@register(Tags.compatibility)
def sqlite_can_return(**_: Any) -> list[CheckMessage]:
    if connection.vendor != "sqlite" or sqlite3.sqlite_version_info >= LEAST_SQLITE:
        return []
    return [
        Error(
            f"The ledger needs SQLite 3.35 or later, and this Python has {sqlite3.sqlite_version}.",
            hint="Use a Python with a newer SQLite, or set DATABASE_URL to a PostgreSQL.",
            id="billing.E001",
        )
    ]
