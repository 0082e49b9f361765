"""Signatures of Standard Webhooks, one for each live secret."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

from standardwebhooks.webhooks import Webhook

PREFIX = "whsec_"
BYTES = 32


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(BYTES)).decode()


def headers(event_id: str, body: bytes, live: Sequence[str]) -> dict[str, str]:
    """The three headers for this body, stamped with the present moment. ``live`` are secrets, the newest first."""
    now, text = datetime.now(UTC), body.decode()
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(event_id, now, text) for secret in live),
    }
