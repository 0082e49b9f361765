"""Errors of a request, before they are put into a protocol's own words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from studio.gateway.models import GatewayRequest


@dataclass(frozen=True, slots=True)
class GatewayError:
    """``code`` is a Refusal, a RequestRefused code, a Fault, or one of those below.

    ``field`` is ours: portrait, voice, or the name of an option. ``detail`` is it in a protocol's own words.
    ``retry_after`` are the seconds after which it may be asked for again, if that is known: of a limit, or of a pause.
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
WITHHELD = "withheld"
NOT_STARTED = "not_started_in_time"
UNAVAILABLE = "no_offer"  # nobody can make it now; somebody may later
NOT_SOLD = "not_sold"  # this platform has no key for any provider of it
INVALID = "invalid"


class Rejected(Exception):
    """The request is not taken. Nothing was written."""

    def __init__(self, error: GatewayError) -> None:
        super().__init__(error.message or error.code)
        self.error = error


class DuplicateRequest(Exception):
    """The client has used this id before."""

    def __init__(self, known: GatewayRequest) -> None:
        super().__init__(known.reference)
        self.known = known
