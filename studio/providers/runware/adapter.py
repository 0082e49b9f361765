from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from studio.providers import http
from studio.providers.base import check_webhook_token
from studio.providers.http.answers import objects_at, text_at
from studio.providers.remote import (
    LASTING,
    RemoteProvider,
    accepted,
    data_uri,
    dollars_left,
    failure,
    is_late,
    rejected_submission,
    told_nothing,
)
from studio.providers.runware import tasks
from studio.providers.runware.codes import CONFLICT, FAULTS, CodeClass, class_of, parameters_of, why_at_all
from studio.providers.runware.reading import (
    STATUSES,
    errors_of,
    items_of,
    parts_of,
    report_of,
    says_it_is_unknown,
    still_running,
)
from studio.providers.types import (
    Capabilities,
    Fault,
    JobHandle,
    JobReport,
    JobStatus,
    MediaInput,
    Outcome,
    ProviderError,
    RenderOrder,
    Submission,
    WebhookNews,
)

logger = logging.getLogger(__name__)

UPLOAD_SECONDS = 80.0
# A job that polls say nothing of for this long is looked up in the archive too.
ARCHIVE_AFTER_SECONDS = 60.0
# The archive repeats the request, and with it whole files where they went into the task.
MAX_ARCHIVED_BYTES = 64_000_000
# An error in the place of the acknowledgement, with status 200, after which the task may run all the same.
IN_DOUBT = frozenset({CodeClass.TIMEOUT, CodeClass.SERVER, CodeClass.PROVIDER})
# A question about many jobs that was answered like this is not asked for each of them.
DOWN = frozenset({401, 402, 403, 429, *range(500, 600)})
# Refusals of an upload that would refuse the task too; after any other one the bytes go into the task itself.
AT_THE_DOOR = frozenset({Fault.AUTH, Fault.QUOTA, Fault.RATE_LIMIT})


class RunwareProvider(RemoteProvider):
    name = "runware"
    label = "Runware"
    key_setting = "RUNWARE_API_KEY"
    url_settings = ("RUNWARE_URL",)
    capabilities = Capabilities(
        output_formats=frozenset({"mp4", "webm", "mov"}),
        output_quality=True,
        content_check=True,
        sends_webhooks=True,
        submit_is_repeatable=True,
        checks_at_once=200,
        poll_seconds=(2.0, 15.0),
        file_life=True,
        reports_cost=True,
        portrait_without_address="upload",
        voice_without_address="upload",
        tells_balance=True,
        at_once=4,
    )
    statuses = STATUSES
    faults = FAULTS

    # --- Submit ----------------------------------------------------------------------------------------------------

    async def _create(self, order: RenderOrder) -> Submission:
        prompt = order.prompt.strip()
        answer = await self._post(tasks.video(order, prompt=prompt))
        errors = errors_of(answer.body, order.reference)
        insists = answer.status in (400, 422) and any("positivePrompt" in parameters_of(error) for error in errors)
        if insists and not prompt:
            # The documents call it optional; a gateway that insists has refused the task, so it may be sent again.
            answer = await self._post(tasks.video(order, prompt=tasks.NO_PROMPT))
        return self._outcome(answer, order.reference)

    def _outcome(self, answer: http.Answer, reference: str) -> Submission:
        errors = errors_of(answer.body, reference)
        # Whatever else is said beside it: an id that is known has a task, and to send another would make two.
        is_known = any(error.get("code") == CONFLICT for error in errors)
        if is_known or (answer.ok and items_of(answer.body, reference)):
            return accepted(reference, answer.raw)
        if not answer.ok:
            return rejected_submission(answer, why_at_all(answer, errors))
        if not errors:
            no_ack = failure(Fault.UNKNOWN, "no_acknowledgement", "It took the request and did not name our task.")
            return Submission(Outcome.UNKNOWN, failure=no_ack, raw=answer.raw)
        in_doubt = any(class_of(text_at(error, "code")) in IN_DOUBT for error in errors)
        outcome = Outcome.UNKNOWN if in_doubt else Outcome.REJECTED
        return Submission(outcome, failure=why_at_all(answer, errors), raw=answer.raw)

    async def _recover(self, order: RenderOrder) -> Submission:
        """Look for the task, then send the same one again: taken now or taken before, it is one job."""
        answer = await self._post(tasks.poll(order.reference), repeatable=True)
        if report_of(answer, answer.body, order.reference):
            return accepted(order.reference, answer.raw)
        submission = await self._submit(order)
        failure = submission.failure
        if submission.outcome is Outcome.REJECTED and (failure is None or failure.fault not in LASTING):
            # Turned away at the door, before anybody looked whether the task is known.
            return replace(submission, outcome=Outcome.UNKNOWN)
        return submission

    async def _balance(self) -> int | None:
        answer = await self._post(tasks.account(), repeatable=True)
        if not answer.ok:
            raise told_nothing(answer, why_at_all(answer, errors_of(answer.body, "")))
        for item in objects_at(answer.body, "data"):
            told = dollars_left(item.get("balance"), "amount", "total", "credits")
            if told is not None:
                return told
        return None

    async def _upload(self, media: MediaInput) -> str:
        content = await data_uri(media)
        answer = await self._post(tasks.upload(content), repeatable=True, seconds=UPLOAD_SECONDS)
        for item in objects_at(answer.body, "data"):
            if answer.ok and (name := text_at(item, "mediaUUID", "mediaURL")):
                return name
        why = why_at_all(answer, [*objects_at(answer.body, "errors"), *objects_at(answer.body, "error")])
        if why.fault in AT_THE_DOOR:
            raise told_nothing(answer, why)
        logger.warning("Runware did not store %s, so it goes into the task: %s", media.name, why.named)
        return content

    # --- Watch -----------------------------------------------------------------------------------------------------

    async def _check(self, job: JobHandle) -> JobReport:
        return await self._read(job, await self._post(tasks.poll(job.reference), repeatable=True))

    async def _check_many(self, jobs: Sequence[JobHandle]) -> list[JobReport | ProviderError]:
        """A request takes any number of tasks, and its answer names the task of each item.

        What can't be told apart is asked again by halves, down to one by one: an answer that is no clean 200, or an
        error without a name.
        """
        polls = [tasks.poll(job.reference) for job in jobs]
        try:
            answer = await self._post_all(polls, repeatable=True)
            if answer.status in DOWN:
                raise told_nothing(answer, why_at_all(answer, errors_of(answer.body, "")))
        except ProviderError as error:
            return [error] * len(jobs)
        parts = parts_of(answer)
        if answer.status != 200 or parts is None:
            half = len(jobs) // 2
            return [*await self._told_each(jobs[:half]), *await self._told_each(jobs[half:])]
        return [
            still_running(part := parts.get(job.reference), job.reference) or await self._told_of(job, answer, part)
            for job in jobs
        ]

    async def _told_of(
        self, job: JobHandle, answer: http.Answer, part: dict[str, Any] | None
    ) -> JobReport | ProviderError:
        try:
            return await self._read(job, answer.part(part or {}))
        except ProviderError as error:
            return error

    async def _read(self, job: JobHandle, answer: http.Answer) -> JobReport:
        report = report_of(answer, answer.body, job.reference)
        if report or not is_late(job, ARCHIVE_AFTER_SECONDS):
            return report or JobReport(JobStatus.QUEUED, provider_job_id=job.reference, raw=answer.raw)
        return await self._check_archive(job)

    async def _check_archive(self, job: JobHandle) -> JobReport:
        """An empty answer is no verdict. That the archive does not know the job is one, once it must have got there."""
        answer = await self._post(tasks.archive(job.reference), repeatable=True, max_bytes=MAX_ARCHIVED_BYTES)
        answer = answer.part(_without_requests(answer.body)) if answer.body else answer
        for item in items_of(answer.body, job.reference):
            for body in _bodies(item.get("response"), job.reference):
                report = report_of(answer, body, job.reference)
                if report:
                    return report
        if not items_of(answer.body, job.reference):
            report_of(answer, answer.body, job.reference)  # raises if it was the question that was refused
            if says_it_is_unknown(answer.body, job.reference) and is_late(job):
                lost = failure(Fault.NOT_FOUND, "taskNotFound", "Runware does not know the task any more.")
                return JobReport(JobStatus.FAILED, provider_job_id=job.reference, failure=lost, raw=answer.raw)
        return JobReport(JobStatus.QUEUED, provider_job_id=job.reference, raw=answer.raw)

    # --- Webhooks --------------------------------------------------------------------------------------------------

    def webhook_event_id(
        self,
        headers: Mapping[str, str],  # noqa: ARG002 -- the base's signature
        query: Mapping[str, str],
        body: bytes,
    ) -> str:
        """Runware numbers no events: the task and how it stands. With the token, so that nobody can file one before."""
        told = _told(body)
        if not told:
            return ""
        stand = text_at(told, "videoUUID") or text_at(told, "status") or text_at(told, "code")
        token = sha256(query.get("token", "").encode()).hexdigest()[:12]
        return f"{text_at(told, 'taskUUID') or query.get('job', '')}:{stand}:{token}"[:200]

    def read_webhook(
        self,
        headers: Mapping[str, str],
        query: Mapping[str, str],
        body: bytes,
        *,
        received_at: datetime,  # noqa: ARG002 -- the base's signature
    ) -> list[WebhookNews]:
        """There is no signature, so nothing in the body is believed; that it came to this address is the news."""
        reference = check_webhook_token(query)
        event_id = self.webhook_event_id(headers, query, body) or sha256(body).hexdigest()
        return [WebhookNews(event_id, reference=reference, provider_job_id=reference)]

    # --- Shared ----------------------------------------------------------------------------------------------------

    async def _post(self, task: dict[str, Any], **how: Any) -> http.Answer:
        return await self._post_all([task], **how)

    async def _post_all(self, together: list[dict[str, Any]], **how: Any) -> http.Answer:
        base = self.bases.urls[0]
        return await http.ask("POST", base, headers={"Authorization": f"Bearer {self.key}"}, json=together, **how)


def _without_requests(body: dict[str, Any]) -> dict[str, Any]:
    kept = [{name: value for name, value in item.items() if name != "request"} for item in objects_at(body, "data")]
    return body | ({"data": kept} if "data" in body else {})


def _bodies(kept: Any, reference: str) -> list[dict[str, Any]]:
    """An archived response, all of it about the task: the whole answer of a poll, its items alone, or one of them."""

    def named(body: Any, name: str) -> list[dict[str, Any]]:
        return [{"taskUUID": reference} | item for item in objects_at(body, name)]

    alone = {"data": named({"kept": kept}, "kept")}
    if not isinstance(kept, dict):
        return [alone]
    return [{name: named(kept, name) for name in ("data", "errors", "error") if name in kept}, alone]


def _told(body: bytes) -> dict[str, Any]:
    """The first object that a webhook speaks of: flat, in ``data``, in ``errors`` or in ``error``."""
    answer = http.Answer(200, {}, body)
    for name in ("data", "errors", "error"):
        for item in objects_at(answer.body, name):
            return item
    return answer.body
