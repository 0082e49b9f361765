"""Requests to addresses that somebody else named: connected to as they were looked at, in the name of their host."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx

from avatarsite.http.client import BEFORE_SENDING, BROKEN
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
    response = await _first_response(client, request, addresses)
    try:
        yield response
    finally:
        await response.aclose()


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
            return await client.send(each, stream=True)
        except BEFORE_SENDING as error:
            failure = error
    assert failure is not None  # noqa: S101 -- there is at least one address
    raise failure
