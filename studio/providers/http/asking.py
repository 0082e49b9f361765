"""Request to a provider, and what its failing proves."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing
from json import dumps
from typing import Any
from urllib.parse import urlencode

import httpx

from avatarsite.http.client import BEFORE_SENDING, BROKEN, TIMEOUTS, client_for, send
from avatarsite.http.encodings import BadCoding, Decoder
from avatarsite.http.public_addresses import UnknownHost
from studio.providers.http.answers import Answer
from studio.providers.types import Failure, Fault, ProviderError

SECONDS = 40.0  # for a whole call
MAX_BYTES = 1_000_000
MAX_REPEATS = 2
PIECE = 1 << 16


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
    seconds: float = SECONDS,
    max_bytes: int = MAX_BYTES,
) -> Answer:
    """Ask, and read the whole answer, whatever its status. Raises NotSent or NoAnswer.

    ``repeatable`` says that a second request does no harm: then it goes over a connection that is kept, and when that
    breaks, as one does that the other side closes just then, over another. Whatever else is asked may create something:
    it is sent once, over a connection of its own, and never again from here.
    """
    whole = f"{url}{'&' if '?' in url else '?'}{urlencode(params)}" if params else url
    headers = dict(headers or {})
    if json is not None:
        headers, content = {"Content-Type": "application/json", **headers}, dumps(json).encode()
    if content is not None:
        headers["Content-Length"] = str(len(content))
    repeats = 0
    while True:
        try:
            async with asyncio.timeout(seconds), client_for(fresh=not repeatable or repeats > 0) as client:
                body = _pieces(content) if content else None
                request = client.build_request(method, whole, headers=headers, content=body)
                async with aclosing(await send(client, request)) as response:
                    return await _whole(response, max_bytes)
        except (*BROKEN, OSError) as error:
            if not repeatable or repeats == MAX_REPEATS or isinstance(error, TIMEOUTS):
                raise unanswered(error) from error
        repeats += 1
        await asyncio.sleep(random.uniform(0.1, 0.4))  # noqa: S311


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    """So that other calls go on meanwhile, and each piece has its time."""
    for start in range(0, len(content), PIECE):
        yield content[start : start + PIECE]


async def _whole(response: httpx.Response, max_bytes: int) -> Answer:
    content = bytearray()

    def keep(pieces: Iterator[bytes]) -> None:
        for piece in pieces:
            content.extend(piece)
            if len(content) > max_bytes:
                message = f"The answer has more than {max_bytes:,} bytes."
                raise NoAnswer(Failure(Fault.PROVIDER, "answer_too_large", message, retryable=True))

    try:
        decoder = Decoder(response.headers.get("content-encoding", ""))
        async for chunk in response.aiter_raw():
            keep(decoder.feed(chunk))
        keep(decoder.end())
    except BadCoding as error:
        raise unanswered(error) from error
    return Answer(response.status_code, dict(response.headers), bytes(content))


def unanswered(error: Exception) -> ProviderError:
    """A broken call in our words; the class says whether the request can have had an effect."""
    fault = Fault.TIMEOUT if isinstance(error, TIMEOUTS) else Fault.PROVIDER
    code = "no_such_host" if isinstance(error, UnknownHost) else type(error).__name__
    failure = Failure(fault, code, str(error) or "The provider did not answer.", retryable=True)
    return NotSent(failure) if isinstance(error, (*BEFORE_SENDING, UnknownHost)) else NoAnswer(failure)
