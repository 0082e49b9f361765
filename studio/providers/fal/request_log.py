"""Request log of fal: how a job is found whose answer we lost, and a result that its queue has thrown away."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings

from studio.providers import http
from studio.providers.fal.codes import why
from studio.providers.http.answers import objects_at, text_at
from studio.providers.remote import told_nothing

logger = logging.getLogger(__name__)

LOOK_BACK = timedelta(hours=24)
PAGE = 100
MAX_PAGES = 50
# Other users of the account may send whole files inside their requests, and this list repeats them.
MAX_BYTES = 64_000_000


async def find_by_reference(model: str, reference: str, *, headers: dict[str, str]) -> dict[str, Any] | None:
    """The request whose voice carries our reference. None says nothing: unfinished requests may not be listed."""
    async for item in _items(model, {}, headers=headers):
        given = item.get("json_input")
        if reference in text_at(given, "audio_url") and text_at(item, "request_id"):
            return item
    return None


async def find_by_input(
    model: str, wanted: Mapping[str, Any], since: datetime, *, headers: dict[str, str]
) -> dict[str, Any] | None:
    """A request for the very same that was sent since then. None says nothing, as above."""
    async for item in _items(model, {}, headers=headers):
        given = item.get("json_input")
        same = isinstance(given, dict) and all(given.get(name) == value for name, value in wanted.items())
        if same and text_at(item, "request_id") and _moment(text_at(item, "sent_at")) >= since:
            return item
    return None


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


async def find_by_id(model: str, request_id: str, *, headers: dict[str, str]) -> dict[str, Any] | None:
    async for item in _items(model, {"request_id": request_id}, headers=headers):
        if item.get("request_id") == request_id:
            return item
    return None


async def _items(model: str, filters: dict[str, str], *, headers: dict[str, str]) -> AsyncIterator[dict[str, Any]]:
    """Every listed request of this model, newest end first. Raises ProviderError."""
    start = (datetime.now(UTC) - LOOK_BACK).strftime("%Y-%m-%dT%H:%M:%SZ")
    params = {"endpoint_id": model, "start": start, "expand": "payloads", "limit": str(PAGE)} | filters
    for _ in range(MAX_PAGES):
        page = await http.ask(
            "GET",
            f"{settings.FAL_PLATFORM_URL}/models/requests/by-endpoint",
            headers=headers,
            params=params,
            repeatable=True,
            max_bytes=MAX_BYTES,
        )
        if not page.ok or not isinstance(page.body.get("items"), list):
            # A page of a proxy with status 200 is no list without our request.
            raise told_nothing(page, why(page))
        for item in objects_at(page.body, "items"):
            yield item
        cursor = text_at(page.body, "next_cursor")
        if not cursor or page.body.get("has_more") is False:
            return
        params["cursor"] = cursor
    logger.warning("fal lists more than %s requests of %s; the older ones were not looked at", MAX_PAGES * PAGE, model)
