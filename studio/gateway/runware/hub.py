"""Hub of all connections of this process: their threads, their limits, and one look each second for their pushes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar
from uuid import UUID
from weakref import WeakValueDictionary

from django.db import close_old_connections

from studio.gateway.runware.frames import Known
from studio.gateway.runware.pushes import Push, dead_tokens, forget, pushes

logger = logging.getLogger(__name__)
T = TypeVar("T")

THREADS = 16
THREADS_OF_ONE = 4  # of one workspace, however many connections it has
STRANGERS = 100  # connections whose key has not come yet
CONNECTIONS_OF_ONE = 20  # of one token
LOOK_SECONDS = 1.0
# The server pings each connection every 20 s and lets go of one that is silent for 20 more: one that is open so long
# after a push has taken it.
SURE_SECONDS = 60.0
KEY_DIED = "The key does not work any more."


class Listener(Protocol):
    """A connection, as the hub sees it. ``delivered`` is when each request's result was."""

    known: Known | None
    delivered: dict[str, float]

    async def push(self, push: Push) -> None: ...

    async def close(self, reason: str) -> None: ...


class Hub:
    def __init__(self) -> None:
        self._connections: set[Listener] = set()
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="socket")
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._looking: asyncio.Task[None] | None = None

    @property
    def is_crowded(self) -> bool:
        return sum(each.known is None for each in self._connections) >= STRANGERS

    def has_enough_of(self, token_id: str) -> bool:
        return sum(each.known is not None and each.known.token_id == token_id for each in self._connections) >= (
            CONNECTIONS_OF_ONE
        )

    def enter(self, connection: Listener) -> None:
        self._connections.add(connection)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._look_often())

    def leave(self, connection: Listener) -> None:
        self._connections.discard(connection)

    async def in_thread(self, workspace_id: str, work: Callable[..., T], *given: Any) -> T:
        """Do what asks the database, in the turn of its workspace."""
        turn = self._turns.get(workspace_id) or self._turns.setdefault(workspace_id, asyncio.Semaphore(THREADS_OF_ONE))
        async with turn:
            return await asyncio.get_running_loop().run_in_executor(self._pool, _with_database, work, *given)

    async def _look_often(self) -> None:
        while self._connections:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self._look()
            except Exception:
                logger.exception("sockets: a look has failed; the next is in a second")

    async def _look(self) -> None:
        known = [(each, each.known) for each in self._connections if each.known]
        if not known:
            return
        dead = await self.in_thread("", dead_tokens, {who.token_id for _, who in known})
        await asyncio.gather(*(each.close(KEY_DIED) for each, who in known if who.token_id in dead))
        listening: dict[tuple[UUID, str], list[Listener]] = {}
        for each, who in known:
            if who.gets_pushes and who.token_id not in dead:
                listening.setdefault((who.session, who.workspace_id), []).append(each)
        delivered: set[str] = set()
        for together in listening.values():
            delivered |= set.intersection(*(set(each.delivered) for each in together))
        found = await self.in_thread("", pushes, {session for session, _ in listening}, delivered)
        sending = [
            each.push(push)
            for push in found
            for each in listening.get((push.session, push.workspace_id), [])
            if push.request_id not in each.delivered
        ]
        await asyncio.gather(*sending)
        for each, _ in known:
            await self._forget(each)

    async def _forget(self, connection: Listener) -> None:
        since = time.monotonic() - SURE_SECONDS
        sure = [request_id for request_id, at in connection.delivered.items() if at < since]
        if sure and connection in self._connections:
            await self.in_thread("", forget, sure)
            for request_id in sure:
                del connection.delivered[request_id]


def _with_database(work: Callable[..., T], *given: Any) -> T:
    close_old_connections()
    try:
        return work(*given)
    finally:
        close_old_connections()
