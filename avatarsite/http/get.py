"""Fetching from an address that a customer named: each redirect is looked at like the first address."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from avatarsite.http.client import Response, Timeout, new_client
from avatarsite.http.pinning import opened
from avatarsite.http.public_addresses import AddressRefused, joined, public_addresses_of

MAX_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
TIMEOUT = Timeout(connect=10.0, read=20.0, write=20.0, pool=20.0)
# The bytes as they are: a coding would hide their number, and media do not shrink.
HEADERS = {"Accept-Encoding": "identity"}


@asynccontextmanager
async def get_public(url: str, is_trusted: Callable[[str], bool]) -> AsyncIterator[Response]:
    """GET by http or https; the answer's status is any but a redirect's. Raises AddressRefused, NO_ANSWER."""
    for _ in range(MAX_REDIRECTS + 1):
        addresses = await public_addresses_of(url, trusted=is_trusted(url), plain=True)
        async with (
            new_client(connections=1, timeout=TIMEOUT, proxies=False) as client,
            opened(client, client.build_request("GET", url, headers=HEADERS), addresses) as response,
        ):
            if response.status_code not in REDIRECTS:
                yield response
                return
            leads_to = response.headers.get("location", "")
        url = joined(url, leads_to)
    raise AddressRefused(url, f"it leads on more than {MAX_REDIRECTS} times.")
