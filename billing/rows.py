"""The ledger's own SQL, run through Django's connection.

The statements of the hot path are written by hand, in the dialect that SQLite (3.35 on) and PostgreSQL share, for two
reasons: what is locked, in which order and under which condition has to be read off the page, and compiling them anew
for every hold cost more than running them (benchmarks/ledger.py).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection


def run(sql: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    """The rows that a query or a RETURNING clause gives."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else []


def change(sql: str, parameters: list[Any]) -> int:
    """How many rows a statement changed."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)


def stamp(moment: datetime | None) -> Any:
    """A moment as this database's drivers take it."""
    return connection.ops.adapt_datetimefield_value(moment)


def identifier(value: UUID) -> Any:
    return value if connection.features.has_native_uuid_field else value.hex
