"""A client's Idempotency-Key: what is sent again because its answer was lost is the first request, and not another.

Runware has its taskUUID for this. fal and AI/ML API have nothing, and fal's client sends a submit again by itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from uuid import UUID

from avatarsite.api.models import KEY_LENGTH
from avatarsite.workspaces.models import ApiToken
from studio.gateway import intake
from studio.gateway.errors import AlreadyAsked, Order
from studio.gateway.models import GatewayRequest

HEADER = "Idempotency-Key"
USED = f"This {HEADER} came before with another request; nothing was done now."
ASKED = ("model", "portrait", "voice", "prompt", "options", "fallback", "webhook_url", "start_seconds", "keeps_request")
WRONG = f"The {HEADER} has to be 1 to {KEY_LENGTH} visible ASCII characters."


class KeyRefused(ValueError):
    """The key is none, or was used for something else."""


def key_in(headers: Mapping[str, str]) -> str:
    """The request's key, or nothing. Raises KeyRefused."""
    key = headers.get(HEADER)
    if key is None:
        return ""
    if not 1 <= len(key) <= KEY_LENGTH or not all("!" <= letter <= "~" for letter in key):
        raise KeyRefused(WRONG)
    return key


def accept_once(order: Order, key: str) -> GatewayRequest:
    """As ``asking.accept``; with a key, the id derives from it, and a repeat gives the first row.

    Raises KeyRefused when the key was used for something else; and Refused.
    """
    if not key:
        return intake.accept(order)
    order = replace(order, reference=_reference(order.token, key), digest=_digest(order))
    try:
        return intake.accept(order)
    except AlreadyAsked as again:
        if again.known.wish.get("digest") != order.digest:
            raise KeyRefused(USED) from None
        return again.known


def _reference(token: ApiToken, key: str) -> str:
    """A UUID v4 by its form, as unique as the key is in its workspace."""
    return str(UUID(bytes=sha256(f"{token.workspace_id}:{key}".encode()).digest()[:16], version=4))


def _digest(order: Order) -> str:
    """Of all that was asked for, but for the id."""
    rest = {name: getattr(order, name) for name in ASKED} | {"test": order.token.test}
    wrong = order.trouble.stored() if order.trouble else None
    return sha256(json.dumps([rest, wrong], sort_keys=True).encode()).hexdigest()
