from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

from django.conf import settings

from studio.providers import http
from studio.providers.base import check_webhook_token
from studio.providers.fal import account, request_log, uploads
from studio.providers.fal.codes import (
    CANCEL_ANSWERS,
    CANCEL_STATUSES,
    CANCELLED,
    FAULTS,
    STATUSES,
    code_of,
    details_of,
    why,
    why_of,
)
from studio.providers.fal.links import given_links, links_of, marked
from studio.providers.fal.webhook_signature import check_signature
from studio.providers.http.answers import count_at, text_at
from studio.providers.remote import (
    MIN_FILE_LIFE,
    RemoteProvider,
    accepted,
    failure,
    is_late,
    rejected_submission,
    scaled,
    told_nothing,
)
from studio.providers.types import (
    CancelAnswer,
    Capabilities,
    Fault,
    JobHandle,
    JobReport,
    JobStatus,
    MediaInput,
    Outcome,
    RenderOrder,
    Submission,
    WebhookNews,
)

# A job that has not started by then never does: nobody here would be waiting for it any more, and it would cost us.
START_WITHIN_SECONDS = 45 * 60
# Results live for an hour; a job that is younger and "not found" may be a mistake on the way.
VISIBLE_WITHIN_SECONDS = 3600.0
NO_PROMPT = "."  # the model's own default
MILLISECONDS = Decimal(1000)
STILL_RUNNING = "in progress"


class FalProvider(RemoteProvider):
    name = "fal"
    label = "fal"
    key_setting = "FAL_KEY"
    url_settings = ("FAL_QUEUE_URL", "FAL_REST_URL", "FAL_PLATFORM_URL", "FAL_CDN_URL")
    capabilities = Capabilities(
        can_cancel=True,
        sends_webhooks=True,
        poll_seconds=(2.0, 15.0),
        file_life=True,
        portrait_without_address="upload",
        voice_without_address="upload",
        tells_balance=True,
        at_once=2,
    )
    statuses = STATUSES
    faults = FAULTS

    def why_unavailable(self) -> str:
        if self.key and not all(self.key.partition(":")):
            return "The key for fal is damaged: FAL_KEY is an id, a colon and a secret."
        return super().why_unavailable()

    # --- Submit ----------------------------------------------------------------------------------------------------

    async def _create(self, order: RenderOrder) -> Submission:
        answer = await http.ask(
            "POST",
            f"{settings.FAL_QUEUE_URL}/{order.model}",
            headers=self._headers | _preferences(order),
            params={"fal_webhook": order.webhook_url} if order.webhook_url else None,
            json={
                "image_url": order.portrait.url,
                "audio_url": marked(order.voice.url or "", order.reference),
                "prompt": order.prompt.strip() or NO_PROMPT,
            },
        )
        if not answer.ok:
            return rejected_submission(answer, why(answer))
        request_id = text_at(answer.body, "request_id")
        if not request_id:
            no_id = failure(Fault.UNKNOWN, "no_request_id", "It took the request and gave no id.")
            return Submission(Outcome.UNKNOWN, failure=no_id, raw=answer.raw)
        return accepted(request_id, answer.raw, **given_links(answer.body))

    async def _recover(self, order: RenderOrder) -> Submission:
        """Search the list of requests. Not being on it proves nothing, so the rest is waiting, or the webhook's."""
        found = await request_log.find_by_reference(order.model, order.reference, headers=self._headers)
        if found is None:
            not_yet = failure(Fault.NOT_FOUND, "not_listed", "fal does not list a request of ours like this one yet.")
            return Submission(Outcome.UNKNOWN, failure=not_yet)
        return accepted(text_at(found, "request_id"), {"found": _without_inputs(found)})

    async def _balance(self) -> int | None:
        return await account.ask_balance(headers=self._headers)

    async def _upload(self, media: MediaInput) -> str:
        return await uploads.upload(media, headers=self._headers, bases=self.bases)

    # --- Watch -----------------------------------------------------------------------------------------------------

    async def _check(self, job: JobHandle) -> JobReport:
        answer = await self._get(job, "status_url", params={"logs": "0"})
        if answer.status == 404:
            return await self._check_list(job, answer)
        word = text_at(answer.body, "status")
        if not answer.ok or not word:
            raise told_nothing(answer, why(answer))
        if word == "COMPLETED":
            return await self._check_result(job, answer)
        return JobReport(
            self.statuses.get(word, JobStatus.UNKNOWN),
            provider_job_id=job.provider_job_id,
            queue_position=count_at(answer.body, "queue_position"),
            raw=answer.raw,
        )

    async def _check_result(self, job: JobHandle, status: http.Answer) -> JobReport:
        if text_at(status.body, "error_type"):
            return _failed(job, status.body, 0, status.raw)
        answer = await self._get(job, "response_url")
        if text_at(status.body, "error") and not code_of(answer.body):
            broken = failure(Fault.PROVIDER, "error", text_at(status.body, "error"))
            return JobReport(JobStatus.FAILED, provider_job_id=job.provider_job_id, failure=broken, raw=status.raw)
        if answer.ok and answer.body:
            return _of_result(job, answer.body, answer.raw)
        if answer.status == 400 and STILL_RUNNING in text_at(answer.body, "detail").lower():
            return JobReport(JobStatus.RUNNING, provider_job_id=job.provider_job_id, raw=answer.raw)
        if _is_of_the_model(answer):
            return _failed(job, answer.body, answer.status, answer.raw, answer.headers)
        if answer.status in (401, 403, 408, 429):
            raise told_nothing(answer, why(answer))
        return await self._check_list(job, answer)

    async def _check_list(self, job: JobHandle, answer: http.Answer) -> JobReport:
        """The queue has no (clear) result any more; the list of requests may still have it. Raises ProviderError."""
        found = await request_log.find_by_id(job.model, job.provider_job_id, headers=self._headers)
        raw = {"queue": answer.raw, "found": _without_inputs(found) if found else None}
        made, status = (found or {}).get("json_output"), count_at(found, "status_code", 599) or 0
        if isinstance(made, dict) and _file_of(made):
            return _of_result(job, made, raw)
        if status >= 400:
            return _failed(job, made if isinstance(made, dict) else {}, status, raw)
        # A bare 404 may be any proxy's; fal's own has a detail.
        is_gone = answer.status in (404, 410) and bool(text_at(answer.body, "detail"))
        if not is_gone or not is_late(job, VISIBLE_WITHIN_SECONDS):
            raise told_nothing(answer, why(answer))
        gone = failure(Fault.NOT_FOUND, "request_gone", "fal does not know the request, or its result, any more.")
        return JobReport(JobStatus.FAILED, provider_job_id=job.provider_job_id, failure=gone, raw=raw)

    async def _cancel(self, job: JobHandle) -> CancelAnswer:
        url = links_of(job, settings.FAL_QUEUE_URL)["cancel_url"]
        answer = await http.ask("PUT", url, headers=self._headers, repeatable=True)
        said = CANCEL_ANSWERS.get(text_at(answer.body, "status")) or CANCEL_STATUSES.get(answer.status)
        if said is None:
            raise told_nothing(answer, why(answer))
        return said

    # --- Webhooks --------------------------------------------------------------------------------------------------

    def webhook_event_id(
        self,
        headers: Mapping[str, str],  # noqa: ARG002 -- the base's signature
        query: Mapping[str, str],
        body: bytes,
    ) -> str:
        """The request and how it ended. With the token, so that nobody can file one before."""
        told = http.Answer(200, {}, body).body
        token = sha256(query.get("token", "").encode()).hexdigest()[:12]
        request_id = text_at(told, "request_id")
        return f"{request_id}:{text_at(told, 'status')}:{token}"[:200] if request_id else ""

    def read_webhook(
        self, headers: Mapping[str, str], query: Mapping[str, str], body: bytes, *, received_at: datetime
    ) -> list[WebhookNews]:
        """The signature says that fal sent it, the token that it's about our job: anybody can make fal call us."""
        reference = check_webhook_token(query)
        check_signature(headers, body, received_at=received_at, rest_url=settings.FAL_REST_URL)
        told = http.Answer(200, {}, body).body
        event_id = self.webhook_event_id(headers, query, body) or sha256(body).hexdigest()
        return [WebhookNews(event_id, reference=reference, provider_job_id=text_at(told, "request_id"))]

    # --- Shared ----------------------------------------------------------------------------------------------------

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Key {self.key}"}

    async def _get(self, job: JobHandle, link: str, params: Mapping[str, str] | None = None) -> http.Answer:
        url = links_of(job, settings.FAL_QUEUE_URL)[link]
        return await http.ask("GET", url, headers=self._headers, params=params, repeatable=True)


def _is_of_the_model(answer: http.Answer) -> bool:
    """Whether an error in the place of the result is the model's own answer, which fal passes on as it is.

    What breaks on the way is told by an ``error_type``, or not at all; the model's has details, or is a plain 4xx.
    """
    if text_at(answer.body, "error_type"):
        return False
    return any(text_at(item, "type") for item in details_of(answer.body)) or answer.status in (400, 422)


def _preferences(order: RenderOrder) -> dict[str, str]:
    headers = {"X-Fal-Request-Timeout": str(START_WITHIN_SECONDS)}
    if life := order.options.get("ttl_seconds"):
        kept = {"expiration_duration_seconds": max(int(life), MIN_FILE_LIFE)}
        headers["X-Fal-Object-Lifecycle-Preference"] = json.dumps(kept)
    return headers


def _of_result(job: JobHandle, result: Mapping[str, Any], raw: Any) -> JobReport:
    url = _file_of(result)
    duration_ms = scaled(result.get("duration"), MILLISECONDS)
    if not url.startswith(("https://", "http://")):
        no_video = failure(Fault.PROVIDER, "no_video", "It says that it is done, and gives no video.")
        return JobReport(JobStatus.FAILED, provider_job_id=job.provider_job_id, failure=no_video, raw=raw)
    return JobReport(
        JobStatus.DONE, provider_job_id=job.provider_job_id, result_url=url, reported_ms=duration_ms, raw=raw
    )


def _file_of(result: Mapping[str, Any]) -> str:
    return text_at(result.get("video"), "url") or text_at(result.get("audio"), "url")


def _failed(
    job: JobHandle, body: Mapping[str, Any], status: int, raw: Any, headers: Mapping[str, str] | None = None
) -> JobReport:
    found = why_of(body, status, headers)
    is_cancelled = found.code in CANCELLED or status == 499
    word = JobStatus.CANCELLED if is_cancelled else JobStatus.FAILED
    return JobReport(word, provider_job_id=job.provider_job_id, failure=found, raw=raw)


def _without_inputs(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name != "json_input"}
