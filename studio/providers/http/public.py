"""Request to an address that a customer named: looked at first, connected to as it was looked at, never by a proxy."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx

from avatarsite.http.client import BROKEN, new_client
from avatarsite.http.public_addresses import pinned
from studio.providers.http.addresses import AddressRefused, Bases, joined, public_addresses_of
from studio.providers.http.asking import NotSent, unanswered
from studio.providers.types import ProviderError

MAX_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
TIMEOUT = httpx.Timeout(connect=10.0, read=20.0, write=20.0, pool=20.0)


@asynccontextmanager
async def ask_public(  # noqa: PLR0913 -- the parts of a request
    method: str,
    url: str,
    trusted: Bases,
    *,
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
    plain: bool = False,
) -> AsyncIterator[httpx.Response]:
    """One request; the response's body is not read yet, and redirects are not followed.

    ``plain`` allows http to public addresses, too. Raises AddressRefused, or ProviderError when there was no answer.
    """
    addresses = await public_addresses_of(url, trusted, plain=plain)
    named = httpx.URL(url)
    async with new_client(connections=1, timeout=TIMEOUT, proxies=False) as client:
        response = await _first_answer(client, method, named, addresses, headers or {}, content)
        try:
            yield response
        finally:
            await response.aclose()


@asynccontextmanager
async def get_public(url: str, trusted: Bases) -> AsyncIterator[httpx.Response]:
    """GET by http or https; each redirect is looked at like the first address. The answer may have any other status."""
    for _ in range(MAX_REDIRECTS + 1):
        # The bytes as they are: a coding would hide their number, and media do not shrink.
        async with ask_public("GET", url, trusted, headers={"Accept-Encoding": "identity"}, plain=True) as response:
            if response.status_code not in REDIRECTS:
                yield response
                return
            leads_to = response.headers.get("location", "")
        url = joined(url, leads_to)
    raise AddressRefused(url, f"it leads on more than {MAX_REDIRECTS} times.")


async def _first_answer(  # noqa: PLR0913, PLR0917 -- the parts of a request
    client: httpx.AsyncClient,
    method: str,
    named: httpx.URL,
    addresses: list[str],
    headers: Mapping[str, str],
    content: bytes | None,
) -> httpx.Response:
    failure: ProviderError | None = None
    for address in addresses:
        pin = pinned(named, address)
        request = client.build_request(method, content=content, **pin | {"headers": {**headers, **pin["headers"]}})
        try:
            return await client.send(request, stream=True)
        except BROKEN as error:
            failure = unanswered(error)
            if not isinstance(failure, NotSent):
                break
    assert failure is not None  # noqa: S101 -- there is at least one address
    raise failure
