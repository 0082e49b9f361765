"""The pool of connections for calls, one for each loop, and the clients for files.

Calls go by aiohttp: one of them costs a third of what it costs with httpx, and it does as well with a hundred
connections as with ten (docs/providers.md). Files go by httpx, which connects to the addresses that were looked at.
"""

from __future__ import annotations

import asyncio
import ssl
import urllib.request
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ParamSpec, TypeVar
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import aiohttp
import httpx
from asgiref.sync import async_to_sync

CONNECTIONS = 200  # more than the watch has questions under way, so that none waits for another provider's
IDLE_SECONDS = 20.0  # before a kept connection is closed by us, rather than by the other side under a request
TIMEOUT = httpx.Timeout(connect=10.0, read=30.0, write=30.0, pool=30.0)
CALL_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=30.0, sock_connect=10.0, sock_read=30.0)
MAX_LINE = 65_536
HEADERS = {"User-Agent": "AvatarStudio/1"}
# Whatever the environment says of proxies, this machine is reached directly.
THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
DIRECT: dict[str, None] = {"all://localhost": None, "all://127.0.0.1": None, "all://[::1]": None}

P = ParamSpec("P")
T = TypeVar("T")


@cache
def tls() -> ssl.SSLContext:
    """One for the process: making it reads every root certificate."""
    return httpx.create_ssl_context()


def new_file_client(*, timeout: httpx.Timeout) -> httpx.Client:
    """For a file that comes."""
    return httpx.Client(verify=tls(), timeout=timeout, headers=HEADERS, mounts=DIRECT, follow_redirects=False)


def new_client(*, connections: int, timeout: httpx.Timeout = TIMEOUT) -> httpx.AsyncClient:
    """For a file that goes out."""
    limits = httpx.Limits(
        max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=IDLE_SECONDS
    )
    return httpx.AsyncClient(
        verify=tls(), timeout=timeout, limits=limits, headers=HEADERS, mounts=DIRECT, follow_redirects=False
    )


def new_session(*, connections: int = CONNECTIONS) -> aiohttp.ClientSession:
    """For calls. Proxies are named with each request, cookies are not kept."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections, ssl=tls(), keepalive_timeout=IDLE_SECONDS),
        timeout=CALL_TIMEOUT,
        headers=HEADERS,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,  # avatarsite/http/encodings.py reads more forms, and never more than there is room for
        max_line_size=MAX_LINE,
        max_field_size=MAX_LINE,
    )


@dataclass(frozen=True, slots=True)
class Pool:
    """A client and the proxies of the environment, which are read once: that takes longer than a whole request."""

    session: aiohttp.ClientSession
    proxies: Mapping[str, str] = field(default_factory=urllib.request.getproxies)

    def proxy_of(self, url: str) -> str | None:
        """The proxy that the environment names for ``url``, if any."""
        if not self.proxies:
            return None
        parts = urlsplit(url)
        host = parts.hostname or ""
        if host in THIS_MACHINE or urllib.request.proxy_bypass(host):
            return None
        return self.proxies.get(parts.scheme) or self.proxies.get("all")


_pools: WeakKeyDictionary[asyncio.AbstractEventLoop, Pool] = WeakKeyDictionary()


@asynccontextmanager
async def open_pool() -> AsyncIterator[Pool]:
    """The running loop's pool, closed on leaving by whoever opened it first."""
    loop = asyncio.get_running_loop()
    if loop in _pools:
        yield _pools[loop]
        return
    async with new_session() as session:
        pool = _pools[loop] = Pool(session)
        try:
            yield pool
        finally:
            del _pools[loop]


@asynccontextmanager
async def pool_for(*, fresh: bool) -> AsyncIterator[Pool]:
    """The loop's pool; one for this call alone where there is none, or a ``fresh`` connection is wanted."""
    kept = None if fresh else _pools.get(asyncio.get_running_loop())
    if kept is not None:
        yield kept
        return
    async with new_session(connections=1) as session:
        yield Pool(session)


def run(function: Callable[P, Coroutine[Any, Any, T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call an asynchronous function from synchronous code, in a loop of its own with a pool that ends with it.

    What it asks of the database runs in the caller's thread, on the caller's connection.
    """

    async def whole() -> T:
        async with open_pool():
            return await function(*args, **kwargs)

    return async_to_sync(whole)()
