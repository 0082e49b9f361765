"""Responses of AI/ML API: the status of a generation, the credits it takes, and a line of the model list."""

from __future__ import annotations

from typing import Any

from avatarsite.workspaces.models import ApiToken
from billing.money import charge_micros
from studio.gateway import intake
from studio.gateway.aimlapi.errors import error_body
from studio.gateway.links import video_link
from studio.gateway.model_names import models_of
from studio.gateway.models import Protocol
from studio.gateway.status import Phase, RequestStatus
from studio.models import Render

CREDITS_PER_MICRO = 2  # two million a dollar
HELD_MS = 5_000  # what is named before the voice has been heard, as the provider does
WORDS = {
    Phase.WAITING: "queued",
    Phase.RUNNING: "generating",
    Phase.READY: "completed",
    Phase.FAILED: "error",
}


def status_body(status: RequestStatus) -> dict[str, Any]:
    take = status.first
    body: dict[str, Any] = {"id": status.row.reference, "status": WORDS[take.phase], "video": None, "error": None}
    if take.phase == Phase.READY and take.render:
        link = video_link(take.render)
        return body | ({"video": {"url": link}} if link else {}) | _flag_of(take.render)
    return body | ({"error": error_body(take.error)} if take.error else {}) | _flag_of(take.render)


def _flag_of(render: Render | None) -> dict[str, Any]:
    return {} if render is None or render.nsfw_content is None else {"nsfw_content": render.nsfw_content}


def held_credits(token: ApiToken, slug: str) -> int:
    quote = intake.least_quote(token, slug)
    price = quote.chosen.price_micros_per_second if quote.chosen else 0
    return charge_micros(HELD_MS, price) * CREDITS_PER_MICRO


def credit_headers(used: int) -> dict[str, str]:
    usd = f"{used / 2_000_000:.6f}".rstrip("0").rstrip(".") or "0"
    return {"x-aimlapi-credits-used": str(used), "x-aimlapi-usd-spent": usd}


def model_row(name: str, *, with_prices: bool) -> dict[str, Any]:
    row: dict[str, Any] = {"id": name, "type": "video", "info": {"name": name}}
    if not with_prices:
        return row
    quote = intake.price_now(models_of(Protocol.AIMLAPI)[name])
    price = {"when": {}, "price": quote / 1_000_000, "unit": "second", "per": 1}
    return row | {"pricing": {"kind": "variants", "variants": [price] if quote else []}}
