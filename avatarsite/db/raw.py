"""SQL of our own, run through Django's connection by the driver's own cursor.

The ledger's statements are written by hand, in the dialect that SQLite (3.35 on) and PostgreSQL share, for two
reasons: what is locked, in which order and under which condition has to be read off the page, and compiling them anew
for every hold cost more than running them (benchmarks/ledger.py). For the second reason ``avatarsite/db/compiled.py``
keeps the SQL of some of Django's queries.

On PostgreSQL they are bound by the server, where Django's own are bound by the client, so that psycopg can prepare them
(the option ``prepare_threshold`` of the database in settings): that halves what a hold costs the server. And there
``pipelined`` sends one after the other without waiting for each answer.
"""

from __future__ import annotations

import select
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date, datetime
from typing import Any
from uuid import UUID

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from psycopg.pq import PipelineStatus
from psycopg.types.numeric import Int8


class Session:
    """The statements of one operation."""

    def __init__(self) -> None:
        database = connections[DEFAULT_DB_ALIAS]
        self._database = database
        self._postgres = database.vendor == "postgresql"
        if self._postgres:
            _drop_if_ended(database)
        if database.connection is None:
            database.ensure_connection()
        self._driver: Any = psycopg if self._postgres else sqlite3

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows that a query or a RETURNING clause gives."""
        with closing(self._execute(sql, parameters)) as cursor:
            found: list[tuple[Any, ...]] = cursor.fetchall()
        return found

    def ask(self, sql: str, parameters: Sequence[Any] = ()) -> Answer:
        """Send a statement whose rows are read later, or never; within ``pipelined`` nobody waits for it."""
        if self._postgres:
            return Answer(self._execute(sql, parameters).fetchall)
        found = self.run(sql, parameters)  # SQLite has it already, and an open statement keeps its locks
        return Answer(lambda: found)

    def change(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """How many rows a statement changed."""
        with closing(self._execute(sql, parameters)) as cursor:
            if self._postgres and _in_pipeline(self._database):
                with pipelined():
                    pass  # its end reads what has come of all that was sent
            return int(cursor.rowcount)

    def _execute(self, sql: str, parameters: Sequence[Any]) -> Any:
        # A cursor for each: one that is used again would take the rows of the statement before for its own. Wrapped as
        # Django wraps its own: errors in Django's words, queries seen by whoever watches them.
        cursor = self._database.make_cursor(self._driver.Cursor(self._database.connection))
        try:
            if self._postgres:
                # psycopg types an integer by its size; one type for all is one prepared statement for all amounts.
                cursor.execute(sql, [Int8(value) if type(value) is int else value for value in parameters])
            else:
                cursor.execute(sql.replace("%s", "?"), parameters)
        except BaseException:
            cursor.close()
            raise
        return cursor

    def stamp(self, moment: datetime | None) -> Any:
        """A moment as this database's driver takes it."""
        return moment if self._postgres else self._database.ops.adapt_datetimefield_value(moment)

    def day(self, value: date) -> Any:
        return value if self._postgres else value.isoformat()

    def identifier(self, value: UUID) -> Any:
        return value if self._postgres else value.hex


class Answer:
    """What a statement gives, to be read once. Whatever was wrong with it is raised then at the latest."""

    def __init__(self, fetch: Callable[[], list[tuple[Any, ...]]]) -> None:
        self.rows = fetch


@contextmanager
def pipelined() -> Iterator[None]:
    """On PostgreSQL, statements in here wait for the server only when what they give is read, and at the end.

    After one that fails the server skips the rest, up to the end of the block: so a transaction or a savepoint goes
    around it and never inside, and what was wrong is raised before either is over. Django's own updates and deletes
    don't know in here how many rows they met.
    """
    database = connections[DEFAULT_DB_ALIAS]
    database.ensure_connection()
    if database.vendor == "postgresql":
        try:
            with database.wrap_database_errors, database.connection.pipeline():
                yield
        except BaseException:
            # psycopg takes for prepared what the server has skipped, and only a rollback makes it forget that.
            if not database.in_atomic_block and not _in_pipeline(database):
                database.close()
            raise
    else:
        yield


def _drop_if_ended(database: Any) -> None:
    """Django asks an idle connection for a sign of life before a request's first statement, which costs a statement.

    One that its server has ended has something to read, and only that one is asked.
    """
    known = database.connection
    unsure = known is not None and database.health_check_enabled and not database.health_check_done
    if unsure and not _in_pipeline(database) and (known.closed or _has_something_to_read(known.fileno())):
        database.close_if_health_check_failed()


def _has_something_to_read(descriptor: int) -> bool:
    ears = select.poll()
    ears.register(descriptor, select.POLLIN)
    return bool(ears.poll(0))


def _in_pipeline(database: Any) -> bool:
    return bool(database.connection.pgconn.pipeline_status != PipelineStatus.OFF)


@contextmanager
def atomically() -> Iterator[Session]:
    """A session in a transaction of its own, or in a savepoint of the caller's."""
    with transaction.atomic():
        yield Session()
