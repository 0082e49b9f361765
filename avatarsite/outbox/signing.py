"""Signatures as Standard Webhooks has them: HMAC-SHA256 over ``id.timestamp.body``, one for each live secret."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Sequence

PREFIX = "whsec_"
BYTES = 32


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(BYTES)).decode()


def headers(event_id: str, body: bytes, live: Sequence[str]) -> dict[str, str]:
    """The three headers for this body, stamped with the present moment. ``live`` are secrets, the newest first."""
    stamp = str(int(time.time()))
    text = b".".join((event_id.encode(), stamp.encode(), body))
    return {
        "webhook-id": event_id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(_signature(secret, text) for secret in live),
    }


def _signature(secret: str, text: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return "v1," + base64.b64encode(hmac.digest(key, text, hashlib.sha256)).decode()
