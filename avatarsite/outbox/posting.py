"""One try of a webhook: the POST to its endpoint, and what came of it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from django.conf import settings

from avatarsite.http.client import BROKEN, TIMEOUTS, Client, Response
from avatarsite.http.encodings import BadCoding, Decoder
from avatarsite.http.post import SECONDS, post_public
from avatarsite.http.public_addresses import AddressRefused, UnknownHost, is_at_host

MAX_ANSWER = 4_096  # bytes of the answer that are kept
HEADERS = {"User-Agent": "AvatarStudio-Webhooks/1", "Accept-Encoding": "identity", "Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class PostResult:
    """What came back: a status and the beginning of its body, or None and the reason."""

    code: int | None
    text: str
    took_ms: int
    retry_after: str = ""

    @property
    def taken(self) -> bool:
        return self.code is not None and 200 <= self.code < 300

    @property
    def gone(self) -> bool:
        return self.code == 410


def is_trusted(url: str) -> bool:
    """Whether the operator lets webhooks go there although it is not public, or not https."""
    return is_at_host(url, settings.TRUSTED_WEBHOOK_ENDPOINTS)


async def post(client: Client, url: str, body: bytes, headers: Mapping[str, str]) -> PostResult:
    """Send it once. Whatever goes wrong is a result, too."""
    start = time.monotonic()
    code, text, again = None, "", ""
    try:
        code, text, again = await _post(client, url, body, headers)
    except (AddressRefused, UnknownHost) as error:
        text = f"Nothing was sent. {error}"
    except TIMEOUTS:
        text = f"No answer came within {SECONDS:.0f} s."
    except BROKEN as error:
        text = f"No answer came: {error or type(error).__name__}"
    return PostResult(code, text, round((time.monotonic() - start) * 1000), again)


async def _post(client: Client, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, str, str]:
    """Status, text and Retry-After."""
    sent = {**HEADERS, **headers}
    async with post_public(client, url, body, sent, trusted=is_trusted(url), seconds=SECONDS) as response:
        return response.status_code, await _text_of(response), response.headers.get("retry-after", "")


async def _text_of(response: Response) -> str:
    if response.is_redirect:
        where = response.headers.get("location", "")[:300]
        return f"It leads on to {where}, and redirects are not followed. Give the endpoint its final address."
    found = b""
    try:
        async for piece in _pieces(response):
            found += piece
            if len(found) >= MAX_ANSWER:
                break
    except BadCoding as error:
        return f"What it answered can’t be read. {error}"
    return found[:MAX_ANSWER].decode("utf-8", "replace").replace("\0", "�")


async def _pieces(response: Response) -> AsyncIterator[bytes]:
    decoder = Decoder(response.headers.get("content-encoding", ""))
    async for part in response.aiter_raw():
        for piece in decoder.feed(part):
            yield piece
