"""fal's platform lists: prices, billing events (admin key) and the requests of an endpoint."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from tests.simulators.fal import Fal, said
from tests.simulators.fal_words import PRICES, TTS, failure_body
from tests.simulators.jobs import Job, Phase, iso

Row = dict[str, Any]
DAY = 86_400.0
MAX_DAYS = 90
UNITS = {TTS: "generation"}


class Platform:
    def __init__(self, fal: Fal) -> None:
        self._fal = fal

    async def pricing(self, request: web.Request) -> web.StreamResponse:
        refusal = await self._enter(request)
        if refusal is not None:
            return refusal
        wanted = _endpoints(request)
        unknown = [endpoint for endpoint in wanted if endpoint not in PRICES]
        if unknown or not wanted:
            return said(404, f"Endpoint not found: {', '.join(unknown)}")
        prices = [
            {
                "endpoint_id": endpoint,
                "unit_price": PRICES[endpoint],
                "unit": UNITS.get(endpoint, "second"),
                "currency": "USD",
            }
            for endpoint in wanted
        ]
        return web.json_response({"prices": prices, "next_cursor": None, "has_more": False})

    async def billing_events(self, request: web.Request) -> web.StreamResponse:
        refusal = await self._enter(request, admin=True)
        if refusal is not None:
            return refusal
        wanted = _endpoints(request)
        rows = [
            (job.finished_wall or 0.0, self._event(job))
            for job in self._listed()
            if job.phase is Phase.SUCCEEDED and (not wanted or job.model in wanted)
        ]
        return _page(request, "billing_events", rows, most=10_000)

    async def requests(self, request: web.Request) -> web.StreamResponse:
        """Finished requests only, by their end, newest first."""
        refusal = await self._enter(request)
        if refusal is not None:
            return refusal
        wanted = _endpoints(request)
        if not wanted:
            return said(422, "endpoint_id is required")
        status = {"success": _went_well, "error": lambda job: not _went_well(job)}.get(request.query.get("status", ""))
        only = request.query.get("request_id")
        payloads = "payloads" in request.query.get("expand", "")
        rows = [
            (job.finished_wall or 0.0, await self._row(job, payloads=payloads))
            for job in self._listed()
            if job.model in wanted and (status is None or status(job)) and only in (None, job.id)
        ]
        return _page(request, "items", rows, most=100)

    async def billing(self, request: web.Request) -> web.StreamResponse:
        """What is left is only told when asked for."""
        refusal = await self._enter(request)
        if refusal is not None:
            return refusal
        left = round(self._fal.settings.balance_usd - self._fal.spent_usd, 6)
        account: Row = {"username": "simulated"}
        if "credits" in request.query.get("expand", ""):
            account["credits"] = {"current_balance": left, "currency": "USD"}
        return web.json_response(account)

    def _listed(self) -> list[Job]:
        delay, now = self._fal.settings.ledger_delay_seconds, self._fal.clock.now()
        return [
            job
            for job in self._fal.jobs
            if job.finished_at is not None and "not_in_ledger" not in job.faults and now - job.finished_at >= delay
        ]

    def _event(self, job: Job) -> Row:
        price, cost = PRICES[job.model], self._fal.price_of(job)
        return {
            "request_id": job.id,
            "endpoint_id": job.model,
            "timestamp": iso(job.finished_wall),
            "output_units": 1 if job.model == TTS else job.reported_ms / 1000,
            "unit_price": price,
            "percent_discount": 0,
            "cost_subtotal": cost,
            "cost_discount": 0,
            "cost_total": cost,
            "cost_estimate_nano_usd": round(cost * 1_000_000_000),
        }

    async def _row(self, job: Job, *, payloads: bool) -> Row:
        row = {
            "request_id": job.id,
            "endpoint_id": job.model,
            "sent_at": iso(job.accepted_wall),
            "started_at": iso(job.started_wall),
            "ended_at": iso(job.finished_wall),
            "status_code": job.failure["status"] if job.failure else 200,
            "duration": round((job.finished_at or 0) - (job.started_at or job.finished_at or 0), 3),
        }
        if payloads and job.notes["headers"].get("x-fal-store-io") != "0":
            row["json_input"] = job.request
            row["json_output"] = failure_body(job.failure) if job.failure else await self._fal.output(job)
        return row

    async def _enter(self, request: web.Request, *, admin: bool = False) -> web.Response | None:
        await self._fal.gate("ledger")
        return self._fal.refuse_key(request, admin=admin)


def _went_well(job: Job) -> bool:
    return job.failure is None


def _endpoints(request: web.Request) -> list[str]:
    return [name for given in request.query.getall("endpoint_id", []) for name in given.split(",") if name]


def _page(request: web.Request, name: str, rows: list[tuple[float, Row]], *, most: int) -> web.Response:
    """One page of the rows between ``start`` and ``end``; the cursor is opaque."""
    try:
        start, end = _window(request)
        limit = int(request.query.get("limit", 50))
        offset = _offset(request.query.get("cursor"))
    except ValueError as error:
        return said(422, str(error))
    if not 1 <= limit <= most or (end - start) > MAX_DAYS * DAY + 60:
        return said(422, "limit or date range out of bounds")
    chosen = [row for at, row in sorted(rows, key=_moment, reverse=True) if start <= at < end]
    has_more = offset + limit < len(chosen)
    cursor = base64.urlsafe_b64encode(str(offset + limit).encode()).decode() if has_more else None
    return web.json_response({name: chosen[offset : offset + limit], "next_cursor": cursor, "has_more": has_more})


def _moment(pair: tuple[float, Row]) -> float:
    return pair[0]


def _window(request: web.Request) -> tuple[float, float]:
    now = datetime.now(UTC).timestamp() + 1.0
    end = _parsed(request.query["end"]) if "end" in request.query else now
    start = _parsed(request.query["start"]) if "start" in request.query else end - DAY
    return start, end


def _parsed(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _offset(cursor: str | None) -> int:
    return int(base64.urlsafe_b64decode(cursor.encode())) if cursor else 0
