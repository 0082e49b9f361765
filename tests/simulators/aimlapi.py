"""AI/ML API's stand-in: one address to create and to ask, no webhooks. Logs and ledger are next door."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from secrets import token_urlsafe
from time import monotonic, time
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from aiohttp import web

from tests.simulators.inputs import InputError, Refusal
from tests.simulators.jobs import Job, Phase, Take, iso, new_takes
from tests.simulators.letters import Manners
from tests.simulators.media import FilmStore
from tests.simulators.provider import Provider, TroubleError
from tests.simulators.references import reference_in
from tests.simulators.settings import AimlapiSettings

CREDITS_PER_USD = 2_000_000
LOGS_A_MINUTE = 200
PATH = "/v2/video/generations"
CLIENT_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
BILLING = "https://aimlapi.com/app/billing/"
SENTENCES = {
    400: "Body validation error.",
    401: "This request requires a valid API key. You can create an API key on the billing page.",
    403: "You've run out of credits. Please top up your balance or update your payment method to continue: " + BILLING,
    404: "Not Found",
    429: "Too Many Requests",
    500: "Internal server error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Generation timeout",
}


@dataclass(frozen=True, slots=True)
class Sold:
    usd_per_second: Fraction
    shape: str


MODELS = {
    "klingai/avatar-pro": Sold(Fraction("0.12075"), "1080p, 48 fps"),
    "klingai/avatar-standard": Sold(Fraction("0.05901"), "720p, 24 fps"),
}


class Aimlapi(Provider):
    name = "aimlapi"
    settings: AimlapiSettings

    def __init__(self, folder: Path, films: FilmStore, settings: AimlapiSettings, speed: float) -> None:
        super().__init__(folder, films, settings, speed)
        self._log_questions: deque[float] = deque(maxlen=100_000)

    def may_ask_logs(self) -> bool:
        """200 questions in a minute of ours; the clock's speed allows for more."""
        now = monotonic()
        while self._log_questions and self._log_questions[0] < now - 60:
            self._log_questions.popleft()
        self._log_questions.append(now)
        return len(self._log_questions) <= LOGS_A_MINUTE * max(1.0, self.clock.speed)

    def reset(self) -> None:
        super().reset()
        self._log_questions.clear()

    # --- Requests

    def refuse_key(self, request: web.Request) -> web.Response | None:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        may_enter = scheme.lower() == "bearer" and key.strip() in self.settings.keys
        return None if may_enter else self.said(401, path=request.path)

    async def create(self, request: web.Request) -> web.StreamResponse:
        client_id = _client_id(request)
        body = await _object_in(request)
        given = body if isinstance(body, dict) else {}
        named = (client_id, given.get("model"), given.get("image_url"), given.get("audio_url"))
        texts = tuple(text[:2000] for text in named if isinstance(text, str))
        await self.gate("submit", texts)
        refusal = self.refuse_key(request) or self._refuse_body(body)
        if refusal is not None:
            return refusal
        if self.spent_usd >= self.settings.balance_usd:
            return self.said(403)
        job = self._take_in(request, given, client_id, texts)
        lacks_id = await self.after_accept(job)
        held = _credits(job.model, Fraction(self.settings.hold_seconds).limit_denominator(1000))
        answer: dict[str, Any] = {"id": job.id, "status": self.settings.queue_word}
        if lacks_id:
            del answer["id"]
        if "no_cost" not in job.faults:
            answer["meta"] = {"usage": {self.settings.usage_word: held}}
        headers = _traced(client_id) | {"x-inference-id": job.id} | _priced(held)
        return web.json_response(answer, status=self.settings.submit_status, headers=headers)

    def _refuse_body(self, body: Any) -> web.Response | None:
        wrong = what_is_wrong(body)
        if wrong is None:
            return None
        return self.said(wrong[0], wrong[1])

    def _take_in(
        self, request: web.Request, body: dict[str, Any], client_id: str | None, texts: tuple[str, ...]
    ) -> Job:
        short = self.settings.id_form == "short"
        job = Job(
            id=token_urlsafe(15) if short else f"{uuid4()}:{body['model']}",
            model=body["model"],
            request=body,
            reference=client_id or reference_in(body["audio_url"][:2000]),
            texts=texts,
            portrait=body["image_url"],
            voice=body["audio_url"],
            takes=new_takes(1, "mp4"),
        )
        agent = request.headers.get("User-Agent", "")
        job.notes |= {"client_request_id": client_id, "request_id": str(uuid4()), "headers": {"user-agent": agent}}
        self.accept(job)
        return job

    async def fetch(self, request: web.Request) -> web.StreamResponse:
        wanted = request.query.get("generation_id")
        job = self.jobs.get(wanted or "")
        await self.gate("status", (job.id, *job.texts) if job else (wanted or "",))
        refusal = self.refuse_key(request)
        if refusal is not None:
            return refusal
        if not wanted:
            return self.said(400, "Query validation error. generation_id: Required")
        if job is None or self._is_hidden(job):
            return self.said(404, "Generation not found")
        body = self.status_of(job)
        headers = _traced(_client_id(request))
        if job.phase is Phase.SUCCEEDED and "no_cost" not in job.faults:
            headers |= _priced(self.credits_of(job))
        return web.json_response(body, headers=headers)

    def _is_hidden(self, job: Job) -> bool:
        wait = job.faults.get("invisible", {}).get("seconds", 0.0)
        return (job.phase.is_final and "forgotten" in job.faults) or self.clock.now() - job.accepted_at < wait

    # --- What is said about a job

    def status_of(self, job: Job) -> dict[str, Any]:
        words = {Phase.QUEUED: self.settings.queue_word, Phase.RUNNING: "generating", Phase.SUCCEEDED: "completed"}
        body: dict[str, Any] = {"id": job.id, "status": words.get(job.phase, "error"), "video": None, "error": None}
        unknown = job.faults.get("unknown_status")
        if unknown and (unknown["forever"] or not job.phase.is_final):
            return body | {"status": unknown["word"]}
        if job.phase is Phase.SUCCEEDED:
            if "no_video" not in job.faults:
                body["video"] = {"url": f"{self.file_base}/generations/{job.takes[0].file_name}"}
            if "no_cost" not in job.faults:
                body["meta"] = {"usage": {self.settings.usage_word: self.credits_of(job)}}
        elif job.failure is not None:
            body["error"] = job.failure
        return body

    def credits_of(self, job: Job) -> int:
        if "zero_cost" in job.faults:
            return 0
        return _credits(job.model, job.reported_seconds)

    # --- What a job does of itself

    def stored_file(self, source: str) -> Path | None:  # noqa: ARG002 - files here have URLs
        return None

    def manners(self) -> Manners:
        return Manners(5.0, ())

    def failure_of(self, job: Job, refused: InputError) -> dict[str, Any]:  # noqa: ARG002
        by_kling = refused.why in (Refusal.IMAGE_SHAPE, Refusal.IMAGE_TOO_SMALL, Refusal.IMAGE_TOO_LARGE)
        message = f"Image pixel is invalid. {refused.message}" if by_kling else refused.message
        return {"name": "BadRequestError", "message": message}

    def planned_failure(self, job: Job) -> dict[str, Any] | None:
        if "fail" in job.faults:
            given = job.faults["fail"]
            name, message = given.get("code") or "GenerationError", given.get("message") or "Generation failed"
            return {"name": name, "message": message}
        if "moderated" in job.faults:
            return {"name": "ContentModerationError", "message": "The content was flagged by the moderation system."}
        return None

    def price_of(self, job: Job) -> float:
        return _credits(job.model, job.reported_seconds) / CREDITS_PER_USD

    def on_take(self, job: Job, take: Take) -> None:  # noqa: ARG002 - there is only one
        if self.settings.url_seconds:
            job.file_expires_at = self.clock.now() + self.settings.url_seconds

    # --- Errors

    def said(
        self, status: int, message: str | None = None, *, path: str = PATH, retry_after: Any = None
    ) -> web.Response:
        as_text = self.settings.status_code_type == "string"
        body = {
            "message": message or SENTENCES.get(status, "Something wrong with the server"),
            "path": path,
            "requestId": str(uuid4()),
            "statusCode": str(status) if as_text else status,
            "timestamp": iso(time()),
        }
        headers = {"Retry-After": str(retry_after)} if retry_after is not None else {}
        return web.json_response(body, status=status, headers=headers)

    def trouble(self, trouble: TroubleError) -> web.StreamResponse:
        if trouble.name == "forbidden":
            return self.said(403, "This API key has no access to this resource.")
        statuses = {"bad_key": 401, "rate_limit": 429, "out_of_credit": 403}
        status = statuses.get(trouble.name) or trouble.params["status"]
        return self.said(status, trouble.params.get("message"), retry_after=trouble.params.get("retry_after"))


def what_is_wrong(body: Any) -> tuple[int, str] | None:
    """Status and sentence for a create body that would be refused, else None."""
    if not isinstance(body, dict):
        return 400, "Body validation error. Expected object"
    for name in ("model", "image_url", "audio_url"):
        if not isinstance(body.get(name), str) or not body[name]:
            received = type(body.get(name)).__name__ if name in body else "undefined"
            return 400, f"Body validation error. {name}: Expected string, received {received}"
    if body["model"] not in MODELS:
        return 404, f"Model {body['model']} not found"
    wrong = _wrong_value(body)
    return (400, f"Body validation error. {wrong}") if wrong else None


def _wrong_value(body: dict[str, Any]) -> str | None:
    if urlsplit(body["audio_url"][:2000]).scheme not in ("http", "https"):
        return "audio_url: Invalid url"
    prompt = body.get("prompt", "")
    if not isinstance(prompt, str) or len(prompt) > 2500:
        return "prompt: String must contain at most 2500 character(s)"
    if body.get("provider", "auto") not in ("auto", "kling", "klingai", "fal"):
        return "provider: Invalid enum value. Expected 'auto' | 'kling' | 'klingai' | 'fal'"
    return None


def _credits(model: str, seconds: Fraction) -> int:
    return round(MODELS[model].usd_per_second * seconds * CREDITS_PER_USD)


def _priced(amount: int) -> dict[str, str]:
    usd = f"{amount / CREDITS_PER_USD:.6f}".rstrip("0").rstrip(".") or "0"
    return {"x-aimlapi-credits-used": str(amount), "x-aimlapi-usd-spent": usd}


def _client_id(request: web.Request) -> str | None:
    """Ours, if it is well formed; else dropped in silence."""
    given = request.headers.get("X-Client-Request-Id", "")
    return given if CLIENT_ID.fullmatch(given) else None


def _traced(client_id: str | None) -> dict[str, str]:
    return {"x-client-request-id": client_id} if client_id else {}


async def _object_in(request: web.Request) -> Any:
    try:
        return await request.json()
    except ValueError:
        return None
