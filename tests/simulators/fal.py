"""fal's stand-in: the queue, the synchronous door, and the letters. Storage and platform lists are next door."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiohttp import web

from tests.simulators import fal_speech
from tests.simulators import fal_words as words
from tests.simulators.fal_headers import is_yes, kept, wrong_header
from tests.simulators.fal_letters import WAITS, write_letters
from tests.simulators.fal_seal import Seal
from tests.simulators.inputs import InputError, Inputs, Limits
from tests.simulators.jobs import Job, Phase, Take, iso, new_takes
from tests.simulators.letters import Manners
from tests.simulators.media import FilmStore
from tests.simulators.provider import Provider, TroubleError
from tests.simulators.references import reference_in
from tests.simulators.settings import FalSettings
from tests.simulators.shelf import Shelf

LOCKED = "User is locked. Reason: {}."
EXHAUSTED = "Exhausted balance. Top up your balance at fal.ai/dashboard/billing"
NGINX = "<html><body><center><h1>{0} Bad Gateway</h1></center><hr><center>nginx</center></body></html>"
MAX_INNER_TRIES = 10
LARGE_RESULT = 10 * 1024


class Fal(Provider):
    name = "fal"
    settings: FalSettings

    def __init__(self, folder: Path, films: FilmStore, settings: FalSettings, speed: float) -> None:
        self.shelf = Shelf(folder)
        self.seal = Seal()
        self.queue_base = ""
        super().__init__(folder, films, settings, speed)

    # --- Keys

    def refuse_key(self, request: web.Request, *, admin: bool = False) -> web.Response | None:
        """The 401 or 403 for a wrong ``Authorization``, or None if it may enter."""
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if not key:
            return said(401, "Authentication is required to access this application.")
        if scheme != "Key" or key not in (*self.settings.keys, *self.settings.admin_keys):
            return said(401, "No user found for Key ID and Secret")
        if admin and key not in self.settings.admin_keys:
            return said(403, "This endpoint requires an Admin API key.")
        return None

    # --- The queue

    async def submit(self, request: web.Request) -> web.StreamResponse:
        refusal = self.refuse_key(request)
        if refusal is not None:
            return refusal
        job = await self._arrive(request, request.query.get("fal_webhook"))
        if isinstance(job, web.Response):
            return job
        lacks_id = await self.after_accept(job)
        body = {"status": "IN_QUEUE", "request_id": job.id, "gateway_request_id": job.notes["gateway"]}
        body |= {"queue_position": self.line.position(job)} | self._urls(job)
        if lacks_id:
            body = {"status": "IN_QUEUE"}
        return web.json_response(body, status=self.settings.submit_status, headers=self._mark(job))

    async def _arrive(self, request: web.Request, webhook: str | None) -> Job | web.Response:
        model = request.match_info["model"].strip("/")
        arguments = await _object_in(request)
        given = arguments if isinstance(arguments, dict) else {}
        named = (model, webhook, given.get("image_url"), given.get("audio_url"), given.get("text"))
        texts = tuple(text[:2000] for text in named if isinstance(text, str))
        await self.gate("submit", texts)
        if model not in words.PRICES:
            return said(404, f"Application '{model}' not found")
        if not isinstance(arguments, dict):
            return web.json_response({"detail": [words.model_failure("missing")["detail"][0]]}, status=422)
        if self.spent_usd >= self.settings.balance_usd:
            return said(403, LOCKED.format(EXHAUSTED))
        wrong = wrong_header(request.headers)
        if wrong:
            return said(400, wrong)
        return self._take_in(request, model, arguments, webhook, texts)

    def _take_in(
        self,
        request: web.Request,
        model: str,
        arguments: dict[str, Any],
        webhook: str | None,
        texts: tuple[str, ...],
    ) -> Job:
        headers = kept(request.headers)
        job = Job(
            id=str(uuid4()),
            model=model,
            request=arguments,
            reference=reference_in(webhook, str(arguments.get("audio_url") or arguments.get("text") or "")[:2000]),
            texts=texts,
            portrait=str(arguments.get("image_url", "")),
            voice=str(arguments.get("audio_url", "")),
            webhook_url=webhook,
            takes=new_takes(1, "mp3" if model == fal_speech.MODEL else "mp4", "output_"),
            is_low=headers.get("x-fal-queue-priority") == "low",
        )
        job.notes |= {"headers": headers, "gateway": job.id, "tries": 0}
        self.accept(job)
        limit = headers.get("x-fal-request-timeout")
        if limit is not None:
            job.notes["start_by"] = job.accepted_at + float(limit)
            self.clock.at(job.notes["start_by"], lambda: self._too_late(job))
        return job

    def _too_late(self, job: Job) -> None:
        if job.phase is Phase.QUEUED:
            self.line.leave(job)
            self.fail(job, words.request_failure("request_timeout", by_user=True))

    async def status(self, request: web.Request) -> web.StreamResponse:
        job = await self._asked(request, "status")
        if isinstance(job, web.Response):
            return job
        is_done = job.phase.is_final
        polite = self.settings.polite_status_codes and not is_done
        body = self.status_of(job, logs=request.query.get("logs", "0").lower() in ("1", "true"))
        return web.json_response(body, status=202 if polite else 200, headers=self._mark(job))

    async def result(self, request: web.Request) -> web.StreamResponse:
        job = await self._asked(request, "result")
        if isinstance(job, web.Response):
            return job
        if not job.phase.is_final:
            return said(400, "Request is still in progress")
        if self._is_gone(job):
            return said(404, "Request not found")
        return await self.outcome(job)

    async def cancel(self, request: web.Request) -> web.StreamResponse:
        job = await self._asked(request, "cancel")
        if isinstance(job, web.Response):
            return web.json_response({"status": "NOT_FOUND"}, status=404) if job.status == 404 else job
        if job.phase.is_final:
            return web.json_response({"status": "ALREADY_COMPLETED"}, status=400)
        if self.line.leave(job):
            self.fail(job, words.request_failure("client_cancelled"), Phase.CANCELLED)
            return web.json_response({"status": "OK"})
        job.cancel_asked = True
        if self.settings.cancel_running == "stops":
            self.clock.at(self.clock.now() + 1.0, lambda: self._stop(job))
        return web.json_response({"status": "CANCELLATION_REQUESTED"}, status=202)

    def _stop(self, job: Job) -> None:
        if not job.phase.is_final:
            self.fail(job, words.request_failure("client_cancelled"), Phase.CANCELLED)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: one for each change until the job is over."""
        job = await self._asked(request, "status")
        if isinstance(job, web.Response):
            return job
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        await answer.prepare(request)
        last = ""
        while not _has_left(request):
            said_now = json.dumps(self.status_of(job, logs=request.query.get("logs", "0").lower() in ("1", "true")))
            if said_now != last:
                await answer.write(f"data: {said_now}\n\n".encode())
                last = said_now
            if job.phase.is_final:
                break
            await asyncio.sleep(self.clock.real_seconds(0.5, least=0.02))
        return answer

    async def _asked(self, request: web.Request, route: str) -> Job | web.Response:
        """The job that a URL names; under another app than its own it is unknown."""
        job = self.jobs.get(request.match_info["id"])
        await self.gate(route, (job.id, *job.texts) if job else (request.match_info["id"],))
        refusal = self.refuse_key(request)
        if refusal is not None:
            return refusal
        if job is None or request.match_info["app"] != app_of(job.model) or self._is_forgotten(job):
            return said(404, "Request not found")
        return job

    def _is_forgotten(self, job: Job) -> bool:
        wait = job.faults.get("invisible", {}).get("seconds", 0.0)
        return (job.phase.is_final and "forgotten" in job.faults) or self.clock.now() - job.accepted_at < wait

    def _is_gone(self, job: Job) -> bool:
        life = self.settings.stored_result_seconds
        if job.notes["headers"].get("x-fal-store-io") == "0":
            is_large = len(json.dumps(job.notes.get("result", ""))) >= LARGE_RESULT
            life = self.settings.large_result_seconds if is_large else self.settings.result_seconds
        return job.finished_at is not None and self.clock.now() - job.finished_at > life

    # --- The synchronous door

    async def run(self, request: web.Request) -> web.StreamResponse:
        refusal = self.refuse_key(request)
        if refusal is not None:
            return refusal
        if self.settings.places and self.line.running >= self.settings.places:
            body = {"detail": "Concurrent requests limit reached", "error_type": "concurrent_requests_limit"}
            headers = {"X-Fal-Error-Type": "concurrent_requests_limit", "X-Fal-needs-retry": "1"}
            return web.json_response(body, status=429, headers=headers)
        job = await self._arrive(request, None)
        if isinstance(job, web.Response):
            return job
        await self.after_accept(job)
        while not job.over.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(job.over.wait(), timeout=0.25)
            if _has_left(request):
                self.line.leave(job)
                if not job.phase.is_final:
                    self.fail(job, words.request_failure("client_disconnected"), Phase.CANCELLED)
        return await self.outcome(job)

    # --- What is said about a job

    def status_of(self, job: Job, *, logs: bool) -> dict[str, Any]:
        body: dict[str, Any] = {"status": "IN_QUEUE", "request_id": job.id} | self._urls(job)
        unknown = job.faults.get("unknown_status")
        if unknown and (unknown["forever"] or not job.phase.is_final):
            return body | {"status": unknown["word"], "logs": None}
        if job.phase is Phase.QUEUED:
            return body | {"queue_position": self.line.position(job)}
        body["logs"] = words.logs_of(job, iso(job.started_wall or job.accepted_wall) or "") if logs else None
        if job.phase is Phase.RUNNING:
            return body | {"status": "IN_PROGRESS"}
        body |= {"status": "COMPLETED", "metrics": {}}
        if job.phase is Phase.SUCCEEDED:
            body["metrics"] = {"inference_time": round((job.finished_at or 0) - (job.started_at or 0), 3)}
        elif job.failure and job.failure["level"] == "request":
            body |= {"error": job.failure["message"], "error_type": job.failure["error_type"]}
        elif job.failure and self.settings.model_error_in_status:
            body |= {"error": words.webhook_error(job.failure)}
        return body

    async def outcome(self, job: Job) -> web.Response:
        """The model's own answer: its status, headers and body."""
        if job.failure is not None:
            headers = words.failure_headers(job.failure, self.settings.retry_header)
            body = words.failure_body(job.failure)
            return web.json_response(body, status=job.failure["status"], headers=headers | self._mark(job))
        return web.json_response(await self.output(job), headers=self._mark(job))

    async def output(self, job: Job) -> dict[str, Any]:
        if "no_video" in job.faults:
            return {"video": None, "duration": job.reported_ms / 1000}
        path, content_type = await self.made(job)
        name = job.takes[0].file_name
        video = {
            "url": f"{self.file_base}/files/penguin/{name}",
            "content_type": content_type,
            "file_name": f"output{path.suffix}",
            "file_size": path.stat().st_size,
        }
        if fal_speech.is_speech(job):
            return {"audio": video}
        output = {"video": video} | ({} if "no_duration" in job.faults else {"duration": job.reported_ms / 1000})
        job.notes["result"] = output
        return output

    async def made(self, job: Job) -> tuple[Path, str]:
        if fal_speech.is_speech(job):
            return await asyncio.to_thread(fal_speech.spoken, job, self.folder), "audio/mpeg"
        return await super().made(job)

    def _urls(self, job: Job) -> dict[str, str]:
        base = f"{self.queue_base}/{app_of(job.model)}/requests/{job.id}"
        suffix = "/response" if self.settings.response_suffix else ""
        return {"response_url": base + suffix, "status_url": base + "/status", "cancel_url": base + "/cancel"}

    def _mark(self, job: Job) -> dict[str, str]:
        return {"x-fal-request-id": job.notes["gateway"]}

    # --- What a job does of itself

    def _begin(self, job: Job) -> None:
        if fal_speech.is_speech(job):
            wrong = fal_speech.wrong_arguments(job.request)
            if wrong is not None:
                self.fail(job, wrong)
            else:
                self._proceed(job, Inputs(None, None, fal_speech.spans_of(job.request)[-1][1] / 1000))
            return
        missing = words.missing_fields(job.request)
        if missing is not None:
            self.fail(job, missing)
            return
        super()._begin(job)

    def _take_done(self, job: Job, take: Take) -> None:
        runner = job.faults.get("runner_fails")
        if runner is None or job.notes["tries"] >= runner["tries"]:
            super()._take_done(job, take)
            return
        job.notes["tries"] += 1
        if is_yes(job.notes["headers"].get("x-fal-no-retry", "")) or job.notes["tries"] > MAX_INNER_TRIES:
            self.fail(job, words.request_failure(runner["error_type"]))
            return
        job.notes["gateway"] = str(uuid4())
        job.silence()
        job.phase = Phase.QUEUED
        self.line.free()
        self.line.enter(job)

    def stored_file(self, source: str) -> Path | None:  # noqa: ARG002 - files here have URLs
        return None

    def limits(self) -> Limits:
        base = super().limits()
        images, sounds = base.image_formats | {"WEBP", "GIF", "AVIF"}, base.audio_codecs | {"opus", "vorbis"}
        return replace(base, image_formats=images, audio_codecs=sounds)

    def failure_of(self, job: Job, refused: InputError) -> dict[str, Any]:
        return words.failure_of(job, refused)

    def planned_failure(self, job: Job) -> dict[str, Any] | None:
        return words.planned_failure(job)

    def price_of(self, job: Job) -> float:
        price = words.PRICES[job.model]
        return price if fal_speech.is_speech(job) else job.reported_ms / 1000 * price

    def on_take(self, job: Job, take: Take) -> None:  # noqa: ARG002 - there is only one
        wish = job.notes["headers"].get("x-fal-object-lifecycle-preference")
        wished = json.loads(wish).get("expiration_duration_seconds") if wish else None
        job.file_expires_at = self.clock.now() + (wished or self.settings.file_seconds)

    def on_finished(self, job: Job) -> None:
        if job.webhook_url:
            write_letters(self, job, job.webhook_url)

    def manners(self) -> Manners:
        return Manners(15.0, WAITS[self.settings.webhook_retries], self.settings.webhook_timeout_real_seconds)

    # --- Request-level faults

    def trouble(self, trouble: TroubleError) -> web.StreamResponse:
        name, params = trouble.name, trouble.params
        details = {
            "bad_key": (401, "No user found for Key ID and Secret"),
            "forbidden": (403, "The API key does not have access to this endpoint."),
            "out_of_credit": (403, LOCKED.format(params.get("reason") or EXHAUSTED)),
        }
        if name in details:
            return said(*details[name])
        if name == "refused":
            return said(params["status"], params.get("message") or "Bad request")
        if name == "ingress_error":
            return web.Response(status=params["status"], text=NGINX.format(params["status"]), content_type="text/html")
        return self._spoilt(params.get("status", 429), params.get("retry_after"))

    def _spoilt(self, status: int, retry_after: Any) -> web.Response:
        kinds = {504: "startup_timeout", 503: "runner_scheduling_failure", 502: "runner_incomplete_response"}
        kind = "rate_limit" if status == 429 else kinds.get(status, "internal_error")
        detail = "Rate limit exceeded" if status == 429 else words.REQUEST_ERRORS[kind][1]
        headers = {"x-fal-request-id": str(uuid4()), "X-Fal-Error-Type": kind}
        if retry_after is not None:
            headers["Retry-After"] = str(retry_after)
        return web.json_response({"detail": detail, "error_type": kind}, status=status, headers=headers)

    def reset(self) -> None:
        super().reset()
        self.shelf.clear()


def app_of(model: str) -> str:
    """``owner/app`` of an endpoint: status, result and cancel know no more of it."""
    return "/".join(model.split("/")[:2])


def said(status: int, detail: str) -> web.Response:
    return web.json_response({"detail": detail}, status=status)


async def _object_in(request: web.Request) -> Any:
    try:
        return await request.json()
    except ValueError:
        return None


def _has_left(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()
