"""Uploads of inputs to fal's own storage: with a token to its file network, or by the older way when that fails."""

from __future__ import annotations

import json
import logging

from django.conf import settings

from studio.providers import http
from studio.providers.fal.codes import why
from studio.providers.http.answers import text_at
from studio.providers.http.downloads import put
from studio.providers.remote import read, told_nothing
from studio.providers.types import MediaInput, ProviderError

logger = logging.getLogger(__name__)

SECONDS = 40.0
# Long enough for the queue and every repeat; then nobody's face stays there.
LIFE_SECONDS = 7 * 24 * 3600


async def upload(media: MediaInput, *, headers: dict[str, str], bases: http.Bases) -> str:
    """The address of the file at fal. Raises ProviderError."""
    content = await read(media)
    try:
        return await _with_token(media, content, headers)
    except ProviderError as error:
        logger.warning("fal's file network did not take %s, trying its older way: %s", media.name, error.failure.named)
    return await _by_initiating(media, content, headers, bases)


async def _with_token(media: MediaInput, content: bytes, headers: dict[str, str]) -> str:
    address = f"{settings.FAL_REST_URL}/storage/auth/token"
    params = {"storage_type": "fal-cdn-v3"}
    token = await http.ask("POST", address, headers=headers, params=params, json={}, repeatable=True, seconds=SECONDS)
    secret, kind = text_at(token.body, "token"), text_at(token.body, "token_type") or "Bearer"
    if not token.ok or not secret:
        raise told_nothing(token, why(token))
    stored = await http.ask(
        "POST",
        f"{settings.FAL_CDN_URL}/files/upload",
        headers={
            "Authorization": f"{kind} {secret}",
            "Content-Type": media.content_type,
            "X-Fal-File-Name": media.name,
            "X-Fal-Object-Lifecycle": json.dumps({"expiration_duration_seconds": LIFE_SECONDS}),
        },
        content=content,
        repeatable=True,
        seconds=SECONDS,
    )
    return _address(stored, "access_url")


async def _by_initiating(media: MediaInput, content: bytes, headers: dict[str, str], bases: http.Bases) -> str:
    """Ask where to put the file, and put it there. Two storages are asked for: the present and the former one."""
    address = f"{settings.FAL_REST_URL}/storage/upload/initiate"
    body = {"file_name": media.name, "content_type": media.content_type}
    for kind in ("fal-cdn-v3", "gcs"):
        params = {"storage_type": kind}
        place = await http.ask(
            "POST", address, headers=headers, params=params, json=body, repeatable=True, seconds=SECONDS
        )
        if place.ok or place.status not in (400, 404, 422):
            break
    file_url = _address(place, "file_url")
    await put(_address(place, "upload_url"), content, media.content_type, bases)
    return file_url


def _address(answer: http.Answer, name: str) -> str:
    url = text_at(answer.body, name)
    if not answer.ok or not url.startswith(("https://", "http://")):
        raise told_nothing(answer, why(answer))
    return url
