"""A PostgreSQL that has stopped answering: requests that wait for it are ended, and no new one waits.

A server that is gone refuses a connection at once; one that hangs says nothing for ever. So while a request takes long,
a connection of our own asks the server for a sign of life; if none comes, the sockets of those who wait are shut down,
which the driver reports as a lost connection, and ``avatarsite.outages.postgresql`` opens no new one until it is back.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from avatarsite.outages.breaker import Breaker

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.1
LONG_SECONDS = 0.4  # a request that takes longer than this makes us ask
PATIENCE_SECONDS = 1.1
NEEDS_NO_DATABASE = "/static/"

breaker = Breaker("database", pause_seconds=1.0)


class DatabaseSilent(OperationalError):
    """The database does not answer, so nothing is asked of it."""


@dataclass(slots=True)
class Waiting:
    """A request of a thread, and the connection that it uses."""

    began: float
    database: Any

    def hang_up(self) -> None:
        """From another thread, so by the socket: the driver's own ways would wait for the server."""
        driver = self.database.connection
        if driver is None or driver.closed:
            return
        with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(driver.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)


class Watch:
    """The one thread of a process that asks for signs of life, and those whom it would let go."""

    def __init__(self) -> None:
        self._waiting: dict[int, Waiting] = {}
        self._process = 0  # the one whose thread watches: a fork takes no thread along

    @contextmanager
    def over(self, database: Any) -> Iterator[None]:
        if self._process != os.getpid():
            self._process = os.getpid()
            threading.Thread(target=self._watch, daemon=True, name="database-watch").start()
        me = threading.get_ident()
        self._waiting[me] = Waiting(time.monotonic(), database)
        try:
            yield
        finally:
            del self._waiting[me]

    def _watch(self) -> None:
        asyncio.run(self._look_always())

    async def _look_always(self) -> None:
        line = Line(connections[DEFAULT_DB_ALIAS].get_connection_params())
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self._look(line)
            except Exception:
                logger.exception("The look after the database failed; it goes on.")

    async def _look(self, line: Line) -> None:
        if not self._late() and not breaker.is_away:
            await line.close()
            return
        if await line.answers():
            breaker.reset()
            await asyncio.sleep(LONG_SECONDS)
            return
        breaker.trip("no answer to a sign of life")
        for one in self._late():  # those too that came while we asked
            one.hang_up()

    def _late(self) -> list[Waiting]:
        long_ago = time.monotonic() - LONG_SECONDS
        return [one for one in [*self._waiting.values()] if one.began < long_ago]


watch = Watch()


class DatabaseWatch:
    """Middleware. Costs a request two entries in a dictionary; on SQLite it does nothing."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        database = connections[DEFAULT_DB_ALIAS]
        if database.vendor != "postgresql" or request.path.startswith(NEEDS_NO_DATABASE):
            return self._get_response(request)
        if breaker.is_away:  # what needs it says so at once, and what doesn't goes on
            Waiting(0, database).hang_up()
        with watch.over(database):
            return self._get_response(request)


class Line:
    """A connection of our own to the server, used for nothing but this."""

    def __init__(self, parameters: dict[str, Any]) -> None:
        wanted = ("host", "port", "user", "password", "dbname", "sslmode", "sslrootcert", "service")
        self._parameters = {name: parameters[name] for name in wanted if parameters.get(name)}
        self._connection: psycopg.AsyncConnection[Any] | None = None

    async def answers(self) -> bool:
        """Whether a sign of life has come in time. Whoever still waits for one is left behind."""
        asking = asyncio.ensure_future(self._ask())
        await asyncio.wait({asking}, timeout=PATIENCE_SECONDS)
        if asking.done() and not asking.exception():
            return True
        asking.cancel()
        asking.add_done_callback(lambda done: done.cancelled() or done.exception())
        await self.close()
        return False

    async def close(self) -> None:
        """Between the times at which it is needed it takes none of the server's connections."""
        left, self._connection = self._connection, None
        if left is not None:
            await left.close()

    async def _ask(self) -> None:
        if self._connection is None:
            self._connection = await psycopg.AsyncConnection.connect(**self._parameters, autocommit=True)
        await self._connection.execute("SELECT 1")
