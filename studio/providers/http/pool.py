"""The clients, several of them, among which the calls are spread by the job that they speak of.

One that is shared by a hundred polls is many times slower than ten that are shared by ten each, as measured in
research/billing-and-queue.md, A10, because it looks at all its connections for each request. Twenty with five each cost
about a fifth less again.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, ParamSpec, TypeVar
from weakref import WeakKeyDictionary
from zlib import crc32

import httpx
from asgiref.sync import async_to_sync

CLIENTS = 20
CONNECTIONS = 5  # of each client
IDLE_SECONDS = 20.0  # before a kept connection is closed by us, rather than by the other side under a request
TIMEOUT = httpx.Timeout(connect=10.0, read=30.0, write=30.0, pool=30.0)
HEADERS = {"User-Agent": "AvatarStudio/1"}
# Whatever the environment says of proxies, this machine is reached directly.
DIRECT: dict[str, None] = {"all://localhost": None, "all://127.0.0.1": None, "all://[::1]": None}

P = ParamSpec("P")
T = TypeVar("T")


@cache
def tls() -> ssl.SSLContext:
    """One for the process: making it reads every root certificate."""
    return httpx.create_ssl_context()


def new_client(*, connections: int = CONNECTIONS, timeout: httpx.Timeout = TIMEOUT) -> httpx.AsyncClient:
    limits = httpx.Limits(
        max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=IDLE_SECONDS
    )
    return httpx.AsyncClient(
        verify=tls(), timeout=timeout, limits=limits, headers=HEADERS, mounts=DIRECT, follow_redirects=False
    )


class Pool:
    """Up to ``CLIENTS`` clients, each made when it is first asked for."""

    def __init__(self) -> None:
        self._clients: dict[int, httpx.AsyncClient] = {}

    def client(self, shard: str) -> httpx.AsyncClient:
        number = crc32(shard.encode()) % CLIENTS
        if number not in self._clients:
            self._clients[number] = new_client()
        return self._clients[number]

    async def close(self) -> None:
        clients = list(self._clients.values())
        self._clients.clear()
        await asyncio.gather(*(client.aclose() for client in clients))


_pools: WeakKeyDictionary[asyncio.AbstractEventLoop, Pool] = WeakKeyDictionary()


@asynccontextmanager
async def open_pool() -> AsyncIterator[Pool]:
    """The running loop's pool, closed on leaving by whoever opened it first."""
    loop = asyncio.get_running_loop()
    if loop in _pools:
        yield _pools[loop]
        return
    pool = _pools[loop] = Pool()
    try:
        yield pool
    finally:
        del _pools[loop]
        await pool.close()


@asynccontextmanager
async def client_for(shard: str) -> AsyncIterator[httpx.AsyncClient]:
    """The pool's client for this job; outside of a pool, one for this call alone."""
    pool = _pools.get(asyncio.get_running_loop())
    if pool:
        yield pool.client(shard)
        return
    async with new_client(connections=1) as client:
        yield client


def run(function: Callable[P, Coroutine[Any, Any, T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call an asynchronous function from synchronous code, in a loop of its own with a pool that ends with it.

    What it asks of the database runs in the caller's thread, on the caller's connection.
    """

    async def whole() -> T:
        async with open_pool():
            return await function(*args, **kwargs)

    return async_to_sync(whole)()
