"""AI/ML API: submit and poll. No webhooks, no cancel; a lost answer is searched for in its log by our own id."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from django.conf import settings

from studio.providers import http
from studio.providers.http.answers import objects_at, text_at
from studio.providers.remote import (
    HTTP_FAULTS,
    RemoteProvider,
    accepted,
    data_uri,
    dollars_left,
    failure,
    is_late,
    rejected_submission,
    scaled,
    told_nothing,
)
from studio.providers.types import (
    Capabilities,
    Failure,
    Fault,
    JobHandle,
    JobReport,
    JobStatus,
    MediaInput,
    Outcome,
    ProviderError,
    RenderOrder,
    Submission,
)

GENERATIONS = "/v2/video/generations"
LOGS = "/v2/logs"
# The newer first: which of them a key is answered at is not confirmed.
BALANCES = ("/v2/billing", "/v1/billing/balance")
PAGE = 100
MAX_PAGES = 20
# 2,000,000 credits are a dollar.
MICROS_PER_CREDIT = Decimal(1_000_000) / Decimal(2_000_000)
VISIBLE_WITHIN_SECONDS = 3600.0
STATUSES: Mapping[str, JobStatus] = {
    "queued": JobStatus.QUEUED,
    "waiting": JobStatus.QUEUED,  # only in its sample code, as the next one
    "active": JobStatus.RUNNING,
    "generating": JobStatus.RUNNING,
    "completed": JobStatus.DONE,
    "error": JobStatus.FAILED,
}
# It publishes no error codes, so its sentences and names are all there is. First match wins.
WORDS: tuple[tuple[re.Pattern[str], Fault], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), fault)
    for pattern, fault in (
        (r"out of credits|insufficient (funds|balance|credits)|top.?up", Fault.QUOTA),
        (r"too many requests|rate.?limit|concurren", Fault.RATE_LIMIT),
        (r"moderat|nsfw|content.?policy|safety|sensitive|prohibited|inappropriate", Fault.MODERATION),
        (r"api.?key|unauthori[sz]ed", Fault.AUTH),
        (r"time.?out|timed out", Fault.TIMEOUT),
        (r"internal.?server|something wrong with the server|bad gateway|unavailable|provider", Fault.PROVIDER),
        (r"download|generation.?(failed|error)", Fault.PROVIDER),  # a link of ours that did not work there, too
        (r"pixel|image|audio|prompt|unsupported|validation|bad.?request|invalid", Fault.INPUT),
    )
)
# Only these speak of our account. Other sentences may repeat what the customer wrote, and a prompt must not be able to
# say that we are out of credits.
AT_THE_DOOR = frozenset({401, 402, 403})
# Statuses that say more than any sentence beside them.
PLAIN_STATUSES = frozenset({401, 402, 429})


class AimlapiProvider(RemoteProvider):
    name = "aimlapi"
    label = "AI/ML API"
    key_setting = "AIMLAPI_KEY"
    url_settings = ("AIMLAPI_URL",)
    capabilities = Capabilities(
        poll_seconds=(5.0, 15.0),
        reports_cost=True,
        portrait_without_address="data URI",
        voice_without_address="",
        tells_balance=True,
        at_once=2,
    )
    statuses = STATUSES
    faults = {fault.value: fault for _, fault in WORDS}

    def why_unavailable(self) -> str:
        why_not = super().why_unavailable()
        if why_not or self.can_fetch_files():
            return why_not
        return "AI/ML API fetches the voice from an address, and this server has none that it could reach."

    # --- Submit ----------------------------------------------------------------------------------------------------

    async def _create(self, order: RenderOrder) -> Submission:
        body = {"model": order.model, "image_url": order.portrait.url, "audio_url": order.voice.url}
        prompt = order.prompt.strip()
        answer = await http.ask(
            "POST",
            f"{settings.AIMLAPI_URL}{GENERATIONS}",
            headers=self._headers | {"X-Client-Request-Id": order.reference},
            json=body | ({"prompt": prompt} if prompt else {}),
        )
        answer = _honest(answer)
        if not answer.ok:
            return rejected_submission(answer, why(answer))
        # A header has the id, too.
        job_id = text_at(answer.body, "id", "generation_id") or answer.headers.get("x-inference-id", "")
        if not job_id:
            no_id = failure(Fault.UNKNOWN, "no_id", "It took the request and gave no id.")
            return Submission(Outcome.UNKNOWN, failure=no_id, raw=answer.raw)
        return accepted(job_id, answer.raw)

    async def _recover(self, order: RenderOrder) -> Submission:
        """Search the log of the last day. It's written late, so not being in it proves nothing."""
        params = {"period": "24h", "model": order.model, "limit": str(PAGE)}
        for page in range(MAX_PAGES):
            answer = await self._get(LOGS, params | {"offset": str(page * PAGE)})
            if not answer.ok:
                raise told_nothing(answer, why(answer))
            for entry in objects_at(answer.body, "data"):
                if entry.get("client_request_id") == order.reference and text_at(entry, "inference_id"):
                    return accepted(text_at(entry, "inference_id"), {"found": entry})
            paging = answer.body.get("pagination")
            if not isinstance(paging, dict) or not paging.get("has_more"):
                break
        not_yet = failure(Fault.NOT_FOUND, "not_logged", "AI/ML API has no such request of ours in its log yet.")
        return Submission(Outcome.UNKNOWN, failure=not_yet)

    async def _balance(self) -> int | None:
        answer = await self._get(BALANCES[0])
        if answer.status == 404:
            answer = await self._get(BALANCES[1])
        if not answer.ok:
            raise told_nothing(answer, why(answer))
        return dollars_left(answer.body, "current_balance", "balance")

    async def _upload(self, media: MediaInput) -> str:
        """It takes pictures within the request, and stores nothing for us."""
        if media.content_type.startswith("image/"):
            return await data_uri(media)
        message = "AI/ML API fetches the voice from an address, and it has none that it could reach."
        raise ProviderError(failure(Fault.PROVIDER, "no_address", message))

    # --- Watch -----------------------------------------------------------------------------------------------------

    async def _check(self, job: JobHandle) -> JobReport:
        answer = _honest(await self._get(GENERATIONS, {"generation_id": job.provider_job_id}))
        if answer.status == 404 and _speaks_of_the_job(answer) and is_late(job, VISIBLE_WITHIN_SECONDS):
            return _failed(job, answer, failure(Fault.NOT_FOUND, "http_404", text_at(answer.body, "message")))
        word = text_at(answer.body, "status")
        if not answer.ok or not word:
            raise told_nothing(answer, why(answer))
        status = self.statuses.get(word, JobStatus.UNKNOWN)
        if status is JobStatus.FAILED:
            return _failed(job, answer, why_it_failed(answer.body.get("error")))
        if status is JobStatus.DONE:
            return _done(job, answer)
        return JobReport(status, provider_job_id=job.provider_job_id, raw=answer.raw)

    async def _get(self, path: str, params: Mapping[str, str] | None = None) -> http.Answer:
        return await http.ask(
            "GET",
            f"{settings.AIMLAPI_URL}{path}",
            headers=self._headers,
            params=params,
            repeatable=True,
        )

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


# --- Reading ---------------------------------------------------------------------------------------------------------


def why(answer: http.Answer) -> Failure:
    """An error answer: message, path, requestId, statusCode, timestamp."""
    message = text_at(answer.body, "message") or answer.text
    of_us = answer.status in AT_THE_DOOR
    fault = HTTP_FAULTS[answer.status] if answer.status in PLAIN_STATUSES else _by_words(message, of_us=of_us)
    if fault is Fault.UNKNOWN:
        # 404 is a route or a model that is gone: nothing that the customer could mend, and others may still have it.
        by_status = Fault.PROVIDER if answer.status == 404 or answer.status >= 500 else Fault.UNKNOWN
        fault = HTTP_FAULTS.get(answer.status, by_status)
    return failure(fault, f"http_{answer.status}", message)


def why_it_failed(error: Any) -> Failure:
    """A job's own error: an object with name and message, or a sentence."""
    name = text_at(error, "name", "code", "type")
    message = text_at(error, "message") or (error if isinstance(error, str) else "")
    return failure(_by_words(f"{name} {message}", of_us=False), name or "error", message)


def _by_words(text: str, *, of_us: bool) -> Fault:
    told = (fault for pattern, fault in WORDS if (of_us or not fault.is_ours) and pattern.search(text))
    return next(told, Fault.UNKNOWN)


def _honest(answer: http.Answer) -> http.Answer:
    """The answer by the status inside it, a number or digits, where the one outside says that all is well."""
    inside = str(answer.body.get("statusCode", ""))
    number = int(inside) if inside.isdecimal() and len(inside) == 3 else 0
    return replace(answer, status=number) if answer.ok and 400 <= number < 600 else answer


def _speaks_of_the_job(answer: http.Answer) -> bool:
    """Whether a 404 is about the job: neither a page of a proxy nor "Cannot GET", which is about the address."""
    message = text_at(answer.body, "message")
    return bool(message) and not message.startswith("Cannot ")


def _done(job: JobHandle, answer: http.Answer) -> JobReport:
    """The credits of a submit are set aside, not spent; those of a finished job are what it cost."""
    url = text_at(answer.body.get("video"), "url")
    if not url.startswith(("https://", "http://")):
        return _failed(job, answer, failure(Fault.PROVIDER, "no_video", "It says that it is done, and gives no video."))
    return JobReport(
        JobStatus.DONE,
        provider_job_id=job.provider_job_id,
        result_url=url,
        reported_cost_micros=_cost(answer.body),
        raw=answer.raw,
    )


def _failed(job: JobHandle, answer: http.Answer, found: Failure) -> JobReport:
    return JobReport(JobStatus.FAILED, provider_job_id=job.provider_job_id, failure=found, raw=answer.raw)


def _cost(body: Mapping[str, Any]) -> int | None:
    meta = body.get("meta")
    usage = meta.get("usage") if isinstance(meta, dict) else None
    if not isinstance(usage, dict):
        return None
    # Older samples say tokens where newer ones say credits.
    return scaled(usage.get("credits_used", usage.get("tokens_used")), MICROS_PER_CREDIT)
