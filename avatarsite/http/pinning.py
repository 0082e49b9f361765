"""Pinning: a request to an address that somebody else named goes to exactly the numbers that were looked at."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager

import httpx

from avatarsite.http.client import BEFORE_SENDING, BROKEN, send
from avatarsite.http.public_addresses import UnknownHost

# Whatever ends a request to a guarded address without an answer. Only a refused address is not among it.
NO_ANSWER = (*BROKEN, UnknownHost, TimeoutError)


@asynccontextmanager
async def opened(
    client: httpx.AsyncClient, request: httpx.Request, addresses: list[str]
) -> AsyncIterator[httpx.Response]:
    """The response to ``request``, its body not read yet, from the first of ``addresses`` that can be connected to.

    The next one is tried only if nothing was sent to the one before. ``client`` is for this host alone: it would keep a
    connection by its number, whatever name its certificate was checked for. Raises what httpx raises.
    """
    async with aclosing(await _first_response(client, request, addresses)) as response:
        yield response


def pinned(request: httpx.Request, addresses: list[str]) -> Iterator[httpx.Request]:
    """``request`` at each of ``addresses`` and nowhere else; where there are none, as it is named.

    Over TLS the certificate still has to fit the name.
    """
    url = request.url
    name = {"sni_hostname": url.raw_host.decode("ascii")} if url.scheme == "https" else {}
    for target in [url.copy_with(host=address) for address in addresses] or [url]:
        yield httpx.Request(
            request.method,
            target,
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, **name},
        )


async def _first_response(client: httpx.AsyncClient, request: httpx.Request, addresses: list[str]) -> httpx.Response:
    failure: Exception | None = None
    for each in pinned(request, addresses):
        try:
            return await send(client, each)
        except BEFORE_SENDING as error:
            failure = error
    assert failure is not None  # noqa: S101 -- there is at least one address
    raise failure
