"""Consent of a person: what a token may not spend by itself, and waits for somebody's yes."""

from __future__ import annotations

from collections.abc import Sequence

from avatarsite.errors import DomainError
from avatarsite.workspaces.models import ApiToken
from billing.money import usd, usd_at_most
from studio.errors import RequestRefused
from studio.pipeline.request.render_request import RenderRequest


class ApprovalNeeded(DomainError):
    """More than the token may spend at once by itself. ``requests`` are what was asked for, ready to be kept."""

    def __init__(self, requests: Sequence[RenderRequest], ceiling_micros: int, most: int, *, is_batch: bool) -> None:
        found = f"This costs up to {usd_at_most(ceiling_micros)}, and the token spends more than {usd(most)} at once"
        remedy = "Ask by the API or MCP, where it waits for it, or for less."
        super().__init__("approval_needed", f"{found} only with a person’s yes.", remedy=remedy)
        self.requests, self.ceiling_micros, self.is_batch = tuple(requests), ceiling_micros, is_batch


def demand_consent(requests: Sequence[RenderRequest], ceiling_micros: int, *, is_batch: bool = False) -> None:
    """Nothing where the token may, or somebody has said yes. Raises ApprovalNeeded."""
    token = requests[0].token if requests else None
    if token is None or token.ask_above_micros is None or requests[0].approved:
        return
    if ceiling_micros > token.ask_above_micros:
        raise ApprovalNeeded(requests, ceiling_micros, token.ask_above_micros, is_batch=is_batch)


def demand_no_consent(token: ApiToken, ceiling_micros: int) -> None:
    """As ``demand_consent`` for a script alone, which doesn't wait for a yes. Raises RequestRefused."""
    if token.ask_above_micros is None or ceiling_micros <= token.ask_above_micros:
        return
    found = f"Speaking it costs up to {usd_at_most(ceiling_micros)}, and the token spends more than"
    remedy = "Ask for a video by this script, which waits for a person’s yes, or have it spoken on the site."
    raise RequestRefused("script", "approval_needed", f"{found} {usd(token.ask_above_micros)} only with a yes.", remedy)
