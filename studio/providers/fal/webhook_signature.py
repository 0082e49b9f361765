"""Signature of fal's webhooks: ED25519 over ids, time and the digest of the raw body, by one of its published keys."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from cryptography import exceptions
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.core.cache import cache

from studio.providers import http
from studio.providers.base import InvalidSignature
from studio.providers.fal.codes import why
from studio.providers.http.answers import objects_at, text_at
from studio.providers.remote import told_nothing

WINDOW_SECONDS = 300
KEYS_LIVE_SECONDS = 24 * 3600
# A webhook that no key fits makes us look for new keys, though not for each of somebody who makes them up.
ASK_AGAIN_SECONDS = 60
KEYS_PATH = "/.well-known/jwks.json"
# The two names of one host, in newer and in older documents.
OTHER_HOST = {"https://rest.fal.ai": "https://rest.alpha.fal.ai"}
PARTS = ("x-fal-webhook-request-id", "x-fal-webhook-user-id", "x-fal-webhook-timestamp")


def check_signature(headers: Mapping[str, str], body: bytes, *, received_at: datetime, rest_url: str) -> None:
    """Raises InvalidSignature, or ProviderError when the keys can't be had and it has to be checked later."""
    headers = {name.lower(): value for name, value in headers.items()}
    request_id, user_id, stamp = (headers.get(name, "") for name in PARTS)
    if not (request_id and user_id and stamp.isdecimal() and len(stamp) < 20):
        raise InvalidSignature("The webhook has no signature.")
    if abs(received_at.timestamp() - int(stamp)) > WINDOW_SECONDS:
        raise InvalidSignature(
            f"The signature is more than {WINDOW_SECONDS} seconds older or newer than the webhook's arrival."
        )
    message = "\n".join((request_id, user_id, stamp, sha256(body).hexdigest())).encode()
    try:
        signature = bytes.fromhex(headers.get("x-fal-webhook-signature", ""))
    except ValueError:
        raise InvalidSignature("The signature is not hexadecimal.") from None
    if not any(_fits(key, signature, message) for key in keys(rest_url)) and not any(
        _fits(key, signature, message) for key in keys(rest_url, newer_than=ASK_AGAIN_SECONDS)
    ):
        raise InvalidSignature("None of fal's keys fits the signature.")


def keys(rest_url: str, *, newer_than: float = KEYS_LIVE_SECONDS) -> list[bytes]:
    """The published keys, as they were ``newer_than`` seconds ago or later. Raises ProviderError."""
    name = f"fal-keys:{rest_url}"
    known: dict[str, Any] | None = cache.get(name)
    if known and time.time() - known["asked_at"] < newer_than:
        return list(known["keys"])
    found = http.run(_ask_for_keys, rest_url)
    cache.set(name, {"asked_at": time.time(), "keys": found}, KEYS_LIVE_SECONDS)
    return found


async def _ask_for_keys(rest_url: str) -> list[bytes]:
    answer = await http.ask("GET", rest_url + KEYS_PATH, repeatable=True, seconds=10)
    if answer.status == 404 and rest_url in OTHER_HOST:
        answer = await http.ask("GET", OTHER_HOST[rest_url] + KEYS_PATH, repeatable=True, seconds=10)
    found = [_decoded(text_at(key, "x")) for key in objects_at(answer.body, "keys") if key.get("crv") == "Ed25519"]
    usable = [key for key in found if len(key) == 32]
    if not answer.ok or not usable:
        raise told_nothing(answer, why(answer))
    return usable


def _decoded(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""


def _fits(key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (exceptions.InvalidSignature, ValueError):
        return False
    return True
