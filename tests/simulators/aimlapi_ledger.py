"""AI/ML API's logs, ledger, balance and price list. Logs and ledger lag behind, as analytics do."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from time import time
from typing import Any

from aiohttp import web

from tests.simulators.aimlapi import CREDITS_PER_USD, MODELS, Aimlapi
from tests.simulators.jobs import Job, Phase, iso

PERIOD = re.compile(r"([1-9]\d*)([hd])")
HOUR = 3600.0
Row = dict[str, Any]


class Ledger:
    def __init__(self, provider: Aimlapi) -> None:
        self._provider = provider

    async def logs(self, request: web.Request) -> web.StreamResponse:
        """One row per request, newest first; a request is only listed once it is over."""
        refusal = await self._enter(request)
        if refusal is not None:
            return refusal
        if not self._provider.may_ask_logs():
            return self._provider.said(429, path=request.path)
        try:
            start, end = _window(request)
            limit, offset = int(request.query.get("limit", 50)), int(request.query.get("offset", 0))
        except ValueError as error:
            return self._provider.said(400, f"Query validation error. {error}", path=request.path)
        statuses = request.query.getall("status", [])
        if not 1 <= limit <= 100 or offset < 0 or not set(statuses) <= {"succeeded", "failed"}:
            return self._provider.said(400, "Query validation error. limit, offset or status", path=request.path)
        models = request.query.getall("model", [])
        rows = [
            self._log(job)
            for job in self._listed()
            if start <= job.accepted_wall <= end
            and (not models or job.model in models or job.model.partition("/")[2] in models)
            and (not statuses or _status(job) in statuses)
        ]
        page = {"limit": limit, "offset": offset, "total": len(rows), "has_more": offset + limit < len(rows)}
        return web.json_response({"data": rows[offset : offset + limit], "pagination": page})

    async def transactions(self, request: web.Request) -> web.StreamResponse:
        """The charges, newest first; a failed generation has none."""
        refusal = await self._enter(request)
        if refusal is not None:
            return refusal
        limit = int(request.query.get("limit", 50))
        offset = int(base64.urlsafe_b64decode(request.query["cursor"])) if "cursor" in request.query else 0
        rows = [self._charge(job) for job in self._listed() if job.phase is Phase.SUCCEEDED]
        if request.query.get("type", "MODEL_USAGE") != "MODEL_USAGE" or request.query.get("direction") == "TOPUP":
            rows = []
        has_more = offset + limit < len(rows)
        cursor = base64.urlsafe_b64encode(str(offset + limit).encode()).decode() if has_more else None
        body = {"data": rows[offset : offset + limit], "pagination": {"next_cursor": cursor, "has_more": has_more}}
        return web.json_response(body)

    async def balance(self, request: web.Request) -> web.StreamResponse:
        refusal = await self._enter(request)
        if refusal is not None:
            return refusal
        left = self._provider.settings.balance_usd - self._provider.spent_usd
        return web.json_response({"current_balance": round(left, 6), "currency": "USD"})

    async def models(self, request: web.Request) -> web.StreamResponse:
        await self._provider.gate("ledger")
        wanted = request.query.getall("id", []) or list(MODELS)
        with_prices = "pricing" in request.query.get("include", "")
        rows = [_sold(name, with_prices=with_prices) for name in wanted if name in MODELS]
        return web.json_response({"object": "list", "data": rows})

    def _listed(self) -> list[Job]:
        provider = self._provider
        delay, now = provider.settings.ledger_delay_seconds, provider.clock.now()
        return [
            job
            for job in reversed(list(provider.jobs))
            if job.finished_at is not None and "not_in_ledger" not in job.faults and now - job.finished_at >= delay
        ]

    def _log(self, job: Job) -> Row:
        amount = self._provider.credits_of(job) if job.phase is Phase.SUCCEEDED else 0
        return {
            "created": iso(job.accepted_wall),
            "status": _status(job),
            "origin": "api",
            "model": job.model,
            "cost": {"usd": amount / CREDITS_PER_USD, "credits": amount},
            "tokens": {"input": 0, "output": 0, "total": 0},
            "request_id": job.notes["request_id"],
            "inference_id": job.id,
            "client_request_id": job.notes["client_request_id"],
        }

    def _charge(self, job: Job) -> Row:
        amount = self._provider.credits_of(job)
        return {
            "created_at": iso(job.finished_wall),
            "direction": "CHARGE",
            "type": "MODEL_USAGE",
            "amount": {"usd": amount / CREDITS_PER_USD, "credits": amount},
            "model": job.model,
            "reference_id": job.id,
        }

    async def _enter(self, request: web.Request) -> web.Response | None:
        await self._provider.gate("ledger")
        return self._provider.refuse_key(request)


def _status(job: Job) -> str:
    return "succeeded" if job.phase is Phase.SUCCEEDED else "failed"


def _sold(name: str, *, with_prices: bool) -> Row:
    row: Row = {"id": name, "type": "video", "info": {"name": name, "description": MODELS[name].shape}}
    if with_prices:
        price = {"when": {}, "price": float(MODELS[name].usd_per_second), "unit": "second", "per": 1}
        row["pricing"] = {"kind": "variants", "variants": [price]}
    return row


def _window(request: web.Request) -> tuple[float, float]:
    """``period``, or ``start`` and ``end`` together; 24 hours without either."""
    if "start" in request.query and "end" in request.query and "period" not in request.query:
        return _parsed(request.query["start"]), _parsed(request.query["end"])
    period = PERIOD.fullmatch(request.query.get("period", "24h"))
    if period is None or "start" in request.query or "end" in request.query:
        raise ValueError("Provide either period or both start and end")
    hours = int(period[1]) * (24 if period[2] == "d" else 1)
    return time() - hours * HOUR, time() + 1.0


def _parsed(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
