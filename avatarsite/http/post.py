"""POST to an address that a customer named: looked at first, pinned, never by a proxy, its redirects not followed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from avatarsite.http.client import Client, Response, Timeout, new_client
from avatarsite.http.pinning import opened
from avatarsite.http.public_addresses import public_addresses_of

SECONDS = 15.0  # for all of it: the name, the connection, the answer
TIMEOUT = Timeout(SECONDS, connect=10.0)


def new_post_client() -> Client:
    """For one address: its connection is kept while the client is."""
    return new_client(connections=2, timeout=TIMEOUT, proxies=False)


@asynccontextmanager
async def post_public(  # noqa: PLR0913 -- the parts of a request
    client: Client,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    trusted: bool,
    plain: bool = False,
    seconds: float = SECONDS,
) -> AsyncIterator[Response]:
    """Send it once, and give the response of any status. Raises AddressRefused, NO_ANSWER.

    https alone unless ``plain``; what is ``trusted`` by the operator may be anything.
    """
    async with asyncio.timeout(seconds):
        addresses = await public_addresses_of(url, trusted=trusted, plain=plain)
        request = client.build_request("POST", url, content=body, headers=dict(headers))
        async with opened(client, request, addresses) as response:
            yield response
