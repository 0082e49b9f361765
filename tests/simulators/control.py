"""The back door of each simulator, under ``/_control/``: faults, time, jobs, letters and counts. No key is needed."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from tests.simulators.faults import CATALOGUE, FaultError
from tests.simulators.files import serve_sample
from tests.simulators.jobs import Job, Phase
from tests.simulators.provider import Provider
from tests.simulators.settings import SettingError

Answer = Callable[[web.Request], Awaitable[web.Response]]
MAX_JOBS = 1000


def add_control(app: web.Application, provider: Provider) -> None:
    """Add the routes; anything wrong in a request is a 400 with a sentence."""
    back = _BackDoor(provider)
    for method, path, handler in (
        ("GET", "health", back.health),
        ("GET", "settings", back.settings),
        ("PATCH", "settings", back.change_settings),
        ("GET", "clock", back.clock),
        ("POST", "clock", back.change_clock),
        ("GET", "faults", back.faults),
        ("POST", "faults", back.switch_on),
        ("DELETE", "faults", back.switch_off),
        ("DELETE", "faults/{id:\\d+}", back.switch_off),
        ("GET", "jobs", back.jobs),
        ("GET", "jobs/{id:.+}", back.job),
        ("POST", "jobs/{id:.+}/finish", back.finish),
        ("POST", "jobs/{id:.+}/advance", back.advance),
        ("GET", "accepted", back.accepted),
        ("GET", "books", back.books),
        ("GET", "requests", back.requests),
        ("GET", "webhooks", back.letters),
        ("POST", "webhooks/settle", back.settle),
        ("POST", "reset", back.reset),
    ):
        app.router.add_route(method, f"/_control/{path}", _spoken(handler))
    app.router.add_get("/_samples/{name}", serve_sample)


def _spoken(handler: Answer) -> Answer:
    async def speak(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except (SettingError, FaultError, ValueError, KeyError, TypeError) as error:
            return web.json_response({"error": str(error)}, status=400)

    return speak


class _BackDoor:
    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    async def health(self, _: web.Request) -> web.Response:
        used = time.process_time()
        return web.json_response({"provider": self._provider.name, "pid": os.getpid(), "cpu_seconds": used})

    async def settings(self, _: web.Request) -> web.Response:
        return web.json_response(self._provider.settings.shown())

    async def change_settings(self, request: web.Request) -> web.Response:
        self._provider.settings.apply(await request.json())
        self._provider.line.places = self._provider.settings.places
        return await self.settings(request)

    async def clock(self, _: web.Request) -> web.Response:
        clock = self._provider.clock
        return web.json_response({"now": clock.now(), "speed": clock.speed})

    async def change_clock(self, request: web.Request) -> web.Response:
        """``{"speed": 400}`` and ``{"jump": 60}`` (provider seconds), either or both."""
        change = await request.json()
        if "speed" in change:
            self._provider.clock.set_speed(float(change["speed"]))
        if "jump" in change:
            self._provider.clock.jump(float(change["jump"]))
            await asyncio.sleep(0)
        return await self.clock(request)

    async def faults(self, _: web.Request) -> web.Response:
        name = self._provider.name
        known = {fault: kind.says for fault, kind in CATALOGUE.items() if name in kind.providers}
        return web.json_response({"on": self._provider.faults.shown(), "known": known})

    async def switch_on(self, request: web.Request) -> web.Response:
        """``{"name": …, "times": null, "match": "", "each": null, "params": {}}``."""
        wanted = await request.json()
        fault = self._provider.faults.switch_on(
            wanted["name"],
            times=wanted.get("times"),
            match=wanted.get("match", ""),
            each=wanted.get("each"),
            params=wanted.get("params"),
        )
        return web.json_response({"id": fault.id}, status=201)

    async def switch_off(self, request: web.Request) -> web.Response:
        number = request.match_info.get("id")
        self._provider.faults.switch_off(int(number) if number else None)
        return await self.faults(request)

    async def jobs(self, request: web.Request) -> web.Response:
        """Newest first; ``?reference=`` any text of the job, ``?phase=``, ``?limit=``."""
        wanted, phase = request.query.get("reference", ""), request.query.get("phase")
        found = [
            job
            for job in self._provider.jobs
            if (not phase or job.phase == phase) and any(wanted in text for text in (job.id, job.reference, *job.texts))
        ]
        limit = min(int(request.query.get("limit", MAX_JOBS)), MAX_JOBS)
        shown = [self._shown(job) for job in reversed(found[-limit:])]
        return web.json_response({"total": len(found), "jobs": shown})

    async def job(self, request: web.Request) -> web.Response:
        job = self._provider.jobs.get(request.match_info["id"])
        return web.json_response(self._shown(job)) if job else web.json_response({"error": "no such job"}, status=404)

    async def finish(self, request: web.Request) -> web.Response:
        """End this job now; ``{"fail": {"code": …, "message": …}}`` makes it fail."""
        job = self._provider.jobs.get(request.match_info["id"])
        if job is None:
            return web.json_response({"error": "no such job"}, status=404)
        wish = await request.json() if request.can_read_body else {}
        self._provider.finish_now(job, wish.get("fail"))
        await asyncio.wait_for(job.over.wait(), timeout=30)
        return web.json_response(self._shown(job))

    async def advance(self, request: web.Request) -> web.Response:
        """One phase on: a waiting job starts, a running one ends."""
        job = self._provider.jobs.get(request.match_info["id"])
        if job is None:
            return web.json_response({"error": "no such job"}, status=404)
        if job.phase is not Phase.QUEUED:
            return await self.finish(request)
        self._provider.line.start_now(job)
        return web.json_response(self._shown(job))

    async def accepted(self, request: web.Request) -> web.Response:
        """How often each reference of ours was accepted; ``?reference=`` counts the jobs that carry this text."""
        wanted = request.query.get("reference")
        if wanted is None:
            return web.json_response(dict(self._provider.jobs.accepted))
        jobs = [job for job in self._provider.jobs if any(wanted in text for text in (job.reference, *job.texts))]
        return web.json_response({wanted: len(jobs)})

    async def books(self, _: web.Request) -> web.Response:
        """Every job, oldest first: our reference, phase, dollars that it has cost, and the digest of its film."""
        shown = [
            {
                "reference": job.reference,
                "phase": job.phase.value,
                "usd": self._provider.price_of(job) if job.phase is Phase.SUCCEEDED else 0.0,
                "film": job.notes.get("film", ""),
            }
            for job in self._provider.jobs
        ]
        return web.json_response({"jobs": shown})

    async def requests(self, _: web.Request) -> web.Response:
        provider = self._provider
        phases = {phase.value: 0 for phase in Phase}
        for job in provider.jobs:
            phases[job.phase.value] += 1
        return web.json_response(
            {
                "requests": dict(provider.requests),
                "jobs": phases,
                "keys_leaked_to_files": provider.keys_leaked_to_files,
                "spent_usd": round(provider.spent_usd, 5),
            }
        )

    async def letters(self, request: web.Request) -> web.Response:
        """Every webhook with its tries, oldest first; ``?job=``."""
        wanted = request.query.get("job")
        shown = [letter.shown() for letter in self._provider.letters.sent if wanted in (None, letter.job)]
        return web.json_response({"webhooks": shown})

    async def settle(self, request: web.Request) -> web.Response:
        """Wait until no webhook is under way."""
        await asyncio.wait_for(self._provider.letters.settled(), timeout=60)
        return await self.letters(request)

    async def reset(self, request: web.Request) -> web.Response:
        self._provider.reset()
        return await self.health(request)

    def _shown(self, job: Job) -> dict[str, Any]:
        now = self._provider.clock.now()
        return {
            "id": job.id,
            "model": job.model,
            "reference": job.reference,
            "phase": job.phase.value,
            "progress": job.progress(now),
            "accepted_at": job.accepted_at,
            "started_at": job.started_at,
            "finished_at": job.finished_at,
            "output_ms": job.output_ms,
            "failure": job.failure,
            "faults": job.faults,
            "webhook_url": job.webhook_url,
            "request": job.request,
            "headers": job.notes.get("headers", {}),
            "notes": {name: value for name, value in job.notes.items() if name != "headers"},
        }
