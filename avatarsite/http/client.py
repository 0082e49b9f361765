"""The product's HTTP clients: httpx, a pool of connections for each event loop, and what a broken request proves."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, ParamSpec, TypeAlias, TypeVar
from weakref import WeakKeyDictionary

import httpx
from asgiref.sync import async_to_sync

# One client gets slower with each connection that it has, so a pool has several.
CLIENTS, CONNECTIONS_EACH = 50, 4
CONNECTIONS = CLIENTS * CONNECTIONS_EACH  # more than the watch has questions under way
IDLE_SECONDS = 20.0  # before a kept connection is closed by us, rather than by the other side under a request
TIMEOUT = httpx.Timeout(connect=10.0, read=30.0, write=30.0, pool=30.0)
HEADERS = {"User-Agent": "AvatarStudio/1"}
# Whatever the environment says of proxies, this machine is reached directly.
DIRECT: dict[str, None] = {"all://localhost": None, "all://127.0.0.1": None, "all://[::1]": None}

# What a request breaks with. An address that can't be read is found out before anything is sent.
BROKEN = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, UnicodeError)
# What can only happen before the first byte of the request has left; a ``Location`` is kept out of it (``send``).
BEFORE_SENDING = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)
TIMEOUTS = (httpx.TimeoutException, TimeoutError)

# For rooms that speak to httpx through this one alone.
Client: TypeAlias = httpx.AsyncClient
Response: TypeAlias = httpx.Response
Timeout: TypeAlias = httpx.Timeout

P = ParamSpec("P")
T = TypeVar("T")


@cache
def tls() -> ssl.SSLContext:
    """One for the process: making it reads every root certificate."""
    return httpx.create_ssl_context()


def new_client(
    *, connections: int = CONNECTIONS_EACH, timeout: httpx.Timeout = TIMEOUT, proxies: bool = True
) -> httpx.AsyncClient:
    """``proxies`` are those of the environment. Redirects are not followed, and cookies not kept."""
    limits = httpx.Limits(
        max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=IDLE_SECONDS
    )
    return httpx.AsyncClient(
        verify=tls(),
        timeout=timeout,
        limits=limits,
        headers=HEADERS,
        mounts=DIRECT,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        trust_env=proxies,
        event_hooks={"response": [_hide_location_async]},
    )


def new_blocking_client(*, timeout: httpx.Timeout = TIMEOUT) -> httpx.Client:
    """For a file that comes: an event loop takes four times the processor's time for the same bytes."""
    hooks = {"response": [_hide_location]}
    return httpx.Client(verify=tls(), timeout=timeout, headers=HEADERS, mounts=DIRECT, event_hooks=hooks)


async def send(client: httpx.AsyncClient, request: httpx.Request) -> httpx.Response:
    """The response of any status, its body not read yet. Sent once: nothing below repeats a request.

    httpx reads where a redirect leads although nobody follows it, and breaks on what it can't read, as if the request
    had broken, or had never been one. So a ``Location`` is out of its sight until it has given us the response.
    """
    return _with_location(await client.send(request, stream=True))


def send_blocking(client: httpx.Client, request: httpx.Request) -> httpx.Response:
    return _with_location(client.send(request, stream=True))


async def _hide_location_async(response: httpx.Response) -> None:
    _hide_location(response)


def _hide_location(response: httpx.Response) -> None:
    if "location" in response.headers:
        response.extensions["location"] = response.headers.pop("location")


def _with_location(response: httpx.Response) -> httpx.Response:
    if "location" in response.extensions:
        response.headers["location"] = response.extensions.pop("location")
    return response


@dataclass(slots=True)
class _Member:
    client: httpx.AsyncClient
    busy: int = 0


@dataclass(slots=True)
class Pool:
    """Clients of one loop, made as they are needed."""

    stack: AsyncExitStack
    most: int = CLIENTS
    members: list[_Member] = field(default_factory=list)

    @contextmanager
    def client(self) -> Iterator[httpx.AsyncClient]:
        """The first client with a free connection, so that kept ones are used again; else the least busy."""
        member = min(self.members, key=lambda one: one.busy // CONNECTIONS_EACH, default=None)
        if member is None or (member.busy >= CONNECTIONS_EACH and len(self.members) < self.most):
            member = _Member(new_client())
            self.stack.push_async_callback(member.client.aclose)
            self.members.append(member)
        member.busy += 1
        try:
            yield member.client
        finally:
            member.busy -= 1


_pools: WeakKeyDictionary[asyncio.AbstractEventLoop, Pool] = WeakKeyDictionary()


@asynccontextmanager
async def open_pool() -> AsyncIterator[Pool]:
    """The running loop's pool, closed on leaving by whoever opened it first."""
    loop = asyncio.get_running_loop()
    if loop in _pools:
        yield _pools[loop]
        return
    async with AsyncExitStack() as stack:
        pool = _pools[loop] = Pool(stack)
        try:
            yield pool
        finally:
            del _pools[loop]


@asynccontextmanager
async def client_for(*, fresh: bool) -> AsyncIterator[httpx.AsyncClient]:
    """One of the loop's pool; one for this call alone where there is none, or a ``fresh`` connection is wanted."""
    kept = None if fresh else _pools.get(asyncio.get_running_loop())
    if kept is None:
        async with new_client(connections=1) as client:
            yield client
    else:
        with kept.client() as client:
            yield client


def run(function: Callable[P, Coroutine[Any, Any, T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call an asynchronous function from synchronous code, in a loop of its own with a pool that ends with it.

    What it asks of the database runs in the caller's thread, on the caller's connection.
    """

    async def whole() -> T:
        async with open_pool():
            return await function(*args, **kwargs)

    return async_to_sync(whole)()
