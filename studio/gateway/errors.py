"""What went wrong, before it is put into a protocol's own words."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

from avatarsite.workspaces.models import ApiToken
from studio.gateway.models import GatewayRequest, Protocol


@dataclass(frozen=True, slots=True)
class Trouble:
    """``code`` is a Refusal, a RequestRefused code, a Fault, or one of those below.

    ``field`` is ours: portrait, voice, or the name of an option. ``detail`` is what a door has said in its own words.
    ``retry_after`` are the seconds after which it may be asked for again, if a limit has refused it.
    """

    code: str
    field: str = ""
    message: str = ""
    detail: Any = None
    retry_after: int | None = None

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}

    def stored(self) -> dict[str, Any]:
        return asdict(self)


# Codes of our own, beside those of the pipeline.
NO_CREDIT = "insufficient_credit"
FROZEN = "wallet_frozen"
BUDGET = "budget_reached"
CANCELLED = "cancelled"
LATE = "not_started_in_time"
UNAVAILABLE = "no_offer"  # nobody can make it now; somebody may later
NOT_SOLD = "not_sold"  # this platform has no key for any provider of it
INVALID = "invalid"


class Refused(Exception):
    """The request is not taken. Nothing was written."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.message or trouble.code)
        self.trouble = trouble


class AlreadyAsked(Exception):
    """The client has used this id before."""

    def __init__(self, known: GatewayRequest) -> None:
        super().__init__(known.reference)
        self.known = known


@dataclass(frozen=True, slots=True)
class Order:
    """A client's request as its door has read it.

    ``portrait`` and ``voice`` are addresses, spelt-out files, or UUIDs of files that were put here before.
    """

    protocol: Protocol
    token: ApiToken
    reference: str
    model: str  # the client's word for it
    slug: str  # ours
    portrait: str
    voice: str
    asked: dict[str, Any]
    prompt: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    fallback: bool = True
    webhook_url: str = ""
    client_reference: str = ""
    start_seconds: float | None = None
    keeps_request: bool = True
    session: UUID | None = None  # of the connection to which the result is pushed
    digest: str = ""  # of all of it, if the client may send it again under its key
    trouble: Trouble | None = None  # found by the door, to be told where the protocol tells it: later
