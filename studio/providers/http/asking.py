"""Request to a provider, and what its failing proves."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Mapping
from io import BytesIO
from json import dumps
from typing import Any
from urllib.parse import urlencode

import aiohttp
import httpx
from yarl import URL

from avatarsite.http.encodings import BadCoding, Decoder
from studio.providers.http.answers import Answer
from studio.providers.http.pool import pool_for
from studio.providers.types import Failure, Fault, ProviderError

SECONDS = 40.0  # for a whole call
MAX_BYTES = 1_000_000
REPEATS = 2
PIECE = 1 << 16
# What can only happen before the first byte of the request has left.
BEFORE_SENDING = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientHttpProxyError,
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)
TIMEOUTS = (httpx.TimeoutException, TimeoutError)


class NotSent(ProviderError):
    """The request has not reached the provider, so it has had no effect there."""


class NoAnswer(ProviderError):
    """The request may have arrived. What it has done there is not known."""


async def ask(  # noqa: PLR0913 -- the parts of a request
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    json: Any = None,
    content: bytes | None = None,
    repeatable: bool = False,
    fresh: bool = False,
    seconds: float = SECONDS,
    most_bytes: int = MAX_BYTES,
) -> Answer:
    """Ask, and read the whole answer, whatever its status. Raises NotSent or NoAnswer.

    ``repeatable`` says that a second request does no harm: then a broken connection is tried again. A request that
    creates something is never sent twice from here, and goes over a ``fresh`` connection: a kept one that the other
    side closes just then would leave us without an answer.
    """
    repeats_left = REPEATS if repeatable else 0
    if json is not None:
        headers, content = {"Content-Type": "application/json", **(headers or {})}, dumps(json).encode()
    while True:
        try:
            async with (
                asyncio.timeout(seconds),
                pool_for(fresh=fresh) as pool,
                pool.session.request(
                    method,
                    _address(url, params),
                    headers=headers,
                    data=_in_pieces(content),
                    allow_redirects=False,
                    proxy=pool.proxy_of(url),
                ) as response,
            ):
                return await _whole(response, most_bytes)
        except (aiohttp.ClientError, OSError) as error:
            if not repeats_left or isinstance(error, TIMEOUTS):
                raise unanswered(error) from error
        repeats_left -= 1
        await asyncio.sleep(random.uniform(0.1, 0.4))  # noqa: S311


def _in_pieces(content: bytes | None) -> bytes | BytesIO | None:
    """A file is handed over piece by piece, so that other calls go on meanwhile."""
    return BytesIO(content) if content and len(content) > PIECE else content


def _address(url: str, params: Mapping[str, str] | None) -> URL:
    """Exactly as it was written: a provider's ids may hold what a second reading would spell in another way."""
    whole = f"{url}{'&' if '?' in url else '?'}{urlencode(params)}" if params else url
    try:
        return URL(whole, encoded=True)
    except ValueError as error:
        raise aiohttp.InvalidURL(url, str(error)) from error


async def _whole(response: aiohttp.ClientResponse, most_bytes: int) -> Answer:
    content = bytearray()

    def keep(pieces: Iterator[bytes]) -> None:
        for piece in pieces:
            content.extend(piece)
            if len(content) > most_bytes:
                message = f"The answer has more than {most_bytes:,} bytes."
                raise NoAnswer(Failure(Fault.PROVIDER, "answer_too_large", message, retryable=True))

    try:
        decoder = Decoder(", ".join(response.headers.getall("Content-Encoding", ())))
        while chunk := await response.content.readany():
            keep(decoder.feed(chunk))
        keep(decoder.end())
    except BadCoding as error:
        raise unanswered(error) from error
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status, headers, bytes(content))


def unanswered(error: Exception) -> ProviderError:
    """A broken call in our words; the class says whether the request can have had an effect."""
    fault = Fault.TIMEOUT if isinstance(error, TIMEOUTS) else Fault.PROVIDER
    failure = Failure(fault, type(error).__name__, str(error) or "The provider did not answer.", retryable=True)
    return NotSent(failure) if isinstance(error, BEFORE_SENDING) else NoAnswer(failure)
