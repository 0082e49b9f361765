"""A client's request as its protocol's views have read it, whichever protocol it came by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from avatarsite.workspaces.models import ApiToken
from studio.gateway.errors import GatewayError
from studio.gateway.models import Protocol


@dataclass(frozen=True, slots=True)
class IncomingRequest:
    """``portrait`` and ``voice`` are addresses, spelt-out files, or UUIDs of files that were put here before."""

    protocol: Protocol
    token: ApiToken
    reference: str
    model: str  # the client's word for it
    slug: str  # ours
    portrait: str
    voice: str
    body: dict[str, Any]
    prompt: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    fallback: bool = True
    webhook_url: str = ""
    client_reference: str = ""
    start_seconds: float | None = None
    keeps_request: bool = True
    session: UUID | None = None  # of the connection to which the result is pushed
    digest: str = ""  # of all of it, if the client may send it again under its key
    error: GatewayError | None = None  # found while it was read; reported where the protocol does: later
