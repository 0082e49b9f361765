"""Upload of a file of ours to an address that a customer named: looked at first, pinned, streamed, never by a proxy."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import BinaryIO

import httpx

from avatarsite.http.client import new_client
from avatarsite.http.pinning import opened
from avatarsite.http.public_addresses import public_addresses_of

CHUNK = 1 << 18
TIMEOUT = httpx.Timeout(connect=10.0, read=60.0, write=30.0, pool=30.0)
SECONDS = 600.0  # for a whole file
# Azure's clouds, each by its own name.
AZURE = (
    ".blob.core.windows.net",
    ".blob.core.chinacloudapi.cn",
    ".blob.core.usgovcloudapi.net",
    ".blob.storage.azure.net",
)
TELL_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is sent: ``open`` gives the bytes anew for each try."""

    open: Callable[[], BinaryIO]
    bytes: int
    content_type: str


async def put_file(url: str, parcel: Parcel, *, trusted: bool, alive: Callable[[], Awaitable[None]]) -> int:
    """PUT the parcel and give the HTTP status of the answer, whatever it is; redirects are not followed.

    ``alive`` is called now and then; what it raises ends the sending. Raises AddressRefused, NO_ANSWER.
    """
    addresses = await public_addresses_of(url, trusted=trusted)
    headers = headers_for(httpx.URL(url), parcel)
    async with asyncio.timeout(SECONDS), new_client(connections=1, timeout=TIMEOUT, proxies=False) as client:
        request = client.build_request("PUT", url, headers=headers, content=_chunks(parcel, alive))
        async with opened(client, request, addresses) as response:
            return response.status_code


def headers_for(named: httpx.URL, parcel: Parcel) -> dict[str, str]:
    """What the store behind an address wants to be told, as far as the address shows whose it is.

    Azure takes a file only if it is told that it is one. Where a signature covers the type (AWS's and Google's second
    version), it was made for none almost always, and any breaks it.
    """
    # Buckets take no chunked bodies, and a length that is known lets them refuse early.
    headers = {"Content-Type": parcel.content_type, "Content-Length": str(parcel.bytes)}
    asked = {name.lower() for name in named.params}
    if named.host.endswith(AZURE) or {"sv", "sig"} <= asked:
        headers["x-ms-blob-type"] = "BlockBlob"
    if {"signature", "expires"} <= asked and not asked.isdisjoint({"awsaccesskeyid", "googleaccessid"}):
        del headers["Content-Type"]
    return headers


async def _chunks(parcel: Parcel, alive: Callable[[], Awaitable[None]]) -> AsyncIterator[bytes]:
    told = time.monotonic()
    file = await asyncio.to_thread(parcel.open)
    try:
        while chunk := await asyncio.to_thread(file.read, CHUNK):
            yield chunk
            if time.monotonic() - told > TELL_SECONDS:
                told = time.monotonic()
                await alive()
    finally:
        await asyncio.to_thread(file.close)
