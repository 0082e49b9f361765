"""Idempotency-Key of a client: what is sent again because its answer was lost is the first request, not another.

Runware has its taskUUID for this. fal and AI/ML API have nothing, and fal's client sends a submit again by itself.
"""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from uuid import UUID

from avatarsite.api.idempotency import HEADER, KeyRefused
from avatarsite.workspaces.models import ApiToken
from studio.gateway import intake
from studio.gateway.errors import DuplicateRequest
from studio.gateway.incoming import IncomingRequest
from studio.gateway.models import GatewayRequest

USED = f"This {HEADER} came before with another request; nothing was done now."
HASHED = (
    "model",
    "portrait",
    "voice",
    "prompt",
    "options",
    "fallback",
    "webhook_url",
    "start_seconds",
    "keeps_request",
)


def accept_once(incoming: IncomingRequest, key: str) -> GatewayRequest:
    """As ``intake.accept``; with a key, the id derives from it, and a repeat gives the first row.

    Raises KeyRefused when the key was used for something else; and Rejected.
    """
    if not key:
        return intake.accept(incoming)
    incoming = replace(incoming, reference=_reference(incoming.token, key), digest=_digest(incoming))
    try:
        return intake.accept(incoming)
    except DuplicateRequest as again:
        if again.known.params.get("digest") != incoming.digest:
            raise KeyRefused(USED) from None
        return again.known


def _reference(token: ApiToken, key: str) -> str:
    """A UUID v4 by its form, as unique as the key is in its workspace."""
    return str(UUID(bytes=sha256(f"{token.workspace_id}:{key}".encode()).digest()[:16], version=4))


def _digest(incoming: IncomingRequest) -> str:
    """Of all that was asked for, but for the id."""
    rest = {name: getattr(incoming, name) for name in HASHED} | {"test": incoming.token.test}
    wrong = incoming.error.stored() if incoming.error else None
    return sha256(json.dumps([rest, wrong], sort_keys=True).encode()).hexdigest()
