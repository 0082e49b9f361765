"""SQL of our own, run through Django's connection.

The ledger's statements are written by hand, in the dialect that SQLite (3.35 on) and PostgreSQL share, for two
reasons: what is locked, in which order and under which condition has to be read off the page, and compiling them anew
for every hold cost more than running them (benchmarks/ledger.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import DateField, DateTimeField, UUIDField

_MOMENT, _DAY, _IDENTIFIER = DateTimeField(), DateField(), UUIDField()


class Session:
    """The statements of one operation."""

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows that a query or a RETURNING clause gives."""
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            found: list[tuple[Any, ...]] = cursor.fetchall()
        return found

    def change(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """How many rows a statement changed."""
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return int(cursor.rowcount)

    def stamp(self, moment: datetime | None) -> Any:
        """A moment as this database's driver takes it."""
        return _MOMENT.get_db_prep_value(moment, connection)

    def day(self, value: date) -> Any:
        return _DAY.get_db_prep_value(value, connection)

    def identifier(self, value: UUID) -> Any:
        return _IDENTIFIER.get_db_prep_value(value, connection)


@contextmanager
def atomically() -> Iterator[Session]:
    """A session in a transaction of its own, or in a savepoint of the caller's."""
    with transaction.atomic():
        yield Session()
