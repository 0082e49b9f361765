"""SQL of our own, run through Django's connection by the driver's own cursor.

The ledger's statements are written by hand, in the dialect that SQLite (3.35 on) and PostgreSQL share, for two
reasons: what is locked, in which order and under which condition has to be read off the page, and compiling them anew
for every hold cost more than running them (benchmarks/ledger.py). For the second reason ``avatarsite/compiled.py``
keeps the SQL of some of Django's queries.

On PostgreSQL they are bound by the server, where Django's own are bound by the client, so that psycopg can prepare them
(the option ``prepare_threshold`` of the database in settings): that halves what a hold costs the server.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any
from uuid import UUID

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from psycopg.types.numeric import Int8


class Session:
    """One cursor for the statements of one operation."""

    def __init__(self) -> None:
        database = connections[DEFAULT_DB_ALIAS]
        if database.connection is None:
            database.ensure_connection()
        self._postgres = database.vendor == "postgresql"
        driver: Any = psycopg if self._postgres else sqlite3
        # Wrapped as Django wraps its own: errors in Django's words, queries seen by whoever watches them.
        self._cursor = database.make_cursor(driver.Cursor(database.connection))
        self._adapt = database.ops.adapt_datetimefield_value

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows that a query or a RETURNING clause gives."""
        self._execute(sql, parameters)
        found: list[tuple[Any, ...]] = self._cursor.fetchall()
        return found

    def change(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """How many rows a statement changed."""
        self._execute(sql, parameters)
        return int(self._cursor.rowcount)

    def _execute(self, sql: str, parameters: Sequence[Any]) -> None:
        if self._postgres:
            # psycopg types an integer by its size; one type for all is one prepared statement for all amounts.
            self._cursor.execute(sql, [Int8(value) if type(value) is int else value for value in parameters])
        else:
            self._cursor.execute(sql.replace("%s", "?"), parameters)

    def stamp(self, moment: datetime | None) -> Any:
        """A moment as this database's driver takes it."""
        return moment if self._postgres else self._adapt(moment)

    def day(self, value: date) -> Any:
        return value if self._postgres else value.isoformat()

    def identifier(self, value: UUID) -> Any:
        return value if self._postgres else value.hex

    def close(self) -> None:
        self._cursor.close()


@contextmanager
def session() -> Iterator[Session]:
    opened = Session()
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def atomically() -> Iterator[Session]:
    """A session in a transaction of its own, or in a savepoint of the caller's."""
    with transaction.atomic():
        opened = Session()
        try:
            yield opened
        finally:
            opened.close()
