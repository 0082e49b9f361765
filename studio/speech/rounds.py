"""Rounds of a speech: what is due of it is sent, asked after, and in the end joined into its voice.

A part's row is marked before its engine is asked. What was asked and not answered is looked for, and never asked for
again blindly.
"""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import timedelta

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from avatarsite.alerts import raise_alert
from avatarsite.queue import lease
from avatarsite.queue.due_rows import Kind, backoff
from studio.models import Outcome, Speech, SpeechPart, SpeechState
from studio.models.speech import part_reference
from studio.providers import http
from studio.providers.speech import Engine, SpeechOrder
from studio.providers.types import Failure, Fault, JobHandle, JobReport, JobStatus, ProviderError, Submission
from studio.providers.types import Outcome as Answer
from studio.speech import finish
from studio.speech.estimate import GAP_MS
from studio.speech.speakers import ENGINES, engine

logger = logging.getLogger(__name__)

SPEAK, SPEAK_HERE, WATCH = "studio.speak", "studio.speak_here", "studio.watch"
LEASE = timedelta(seconds=180)  # longer than a round may take
HERE_LIFE = timedelta(seconds=90)
HERE_SECONDS = 40
MAX_ATTEMPTS = 4  # at each part
Found = Submission | JobReport | None


def speak_on(speech_id: str) -> bool:
    """One round. False if it isn't ours, or not due."""
    speech = Speech.objects.select_related("hold", "price", "workspace").filter(pk=speech_id).first()
    if speech is None or speech.ended or not speech.claim(LEASE):
        return False
    mouth = engine(speech.speaker.partition(":")[0])
    undone = [part for part in speech.parts.order_by("number") if part.said and part.done_at is None]
    if undone:
        _ask(speech, mouth, undone[: 1 if mouth.on_this_server else settings.PROVIDERS_AT_ONCE.get(mouth.name) or 4])
    if Speech.objects.filter(pk=speech.pk, state=SpeechState.SPEAKING).exists():
        _after(speech, mouth)
    return True


def _after(speech: Speech, mouth: Engine) -> None:
    left = speech.parts.filter(done_at=None).exclude(said=[])
    if not left.exists():
        finish.finish_speech(speech, mouth)
        return
    pause = timedelta(seconds=0 if mouth.on_this_server else mouth.check_seconds)
    if worst := left.exclude(failure_code="").order_by("-attempt").first():
        pause = max(pause, backoff(worst.attempt, first=1, most=30))
    if speech.put_off(pause) and not mouth.on_this_server:
        lease.wake(WATCH)  # which queues the next round at its moment


def _ask(speech: Speech, mouth: Engine, parts: list[SpeechPart]) -> None:
    asked = [(part, part.sent_at is None) for part in parts]
    for part, is_new in asked:
        if is_new:
            _mark_sent(part)
    found = http.run(_ask_all, speech, mouth, asked)
    for (part, _), one in zip(asked, found, strict=True):
        if isinstance(one, Submission):
            _record(speech, part, one)
        elif one:
            _report(speech, part, one)


def _mark_sent(part: SpeechPart) -> None:
    part.sent_at = timezone.now()
    SpeechPart.objects.filter(pk=part.pk).update(sent_at=part.sent_at)


async def _ask_all(speech: Speech, mouth: Engine, asked: list[tuple[SpeechPart, bool]]) -> list[Found]:
    return list(await asyncio.gather(*(_ask_one(speech, mouth, part, is_new=is_new) for part, is_new in asked)))


async def _ask_one(speech: Speech, mouth: Engine, part: SpeechPart, *, is_new: bool) -> Found:
    if part.outcome == Outcome.ACCEPTED:
        return await _checked(mouth, handle_of(mouth, part))
    order = SpeechOrder(
        reference=part.reference,
        model=mouth.model,
        voice=speech.speaker.partition(":")[2],
        sentences=tuple(part.said),
        pace=speech.pace,
        gap_ms=GAP_MS,
        sent_at=None if is_new else part.sent_at,
    )
    answer = await (mouth.submit if is_new else mouth.recover)(order)
    if answer.outcome is Answer.ACCEPTED and mouth.on_this_server:
        return await _checked(mouth, JobHandle(part.reference, mouth.model, answer.provider_job_id))
    return answer


async def _checked(mouth: Engine, job: JobHandle) -> JobReport | None:
    try:
        return await mouth.check(job)
    except ProviderError as error:
        logger.warning("%s: part %s could not be asked after: %s", mouth.name, job.reference, error.failure.named)
        return None


def handle_of(mouth: Engine, part: SpeechPart) -> JobHandle:
    return JobHandle(part.reference, mouth.model, part.provider_job_id, part.handle)


def _record(speech: Speech, part: SpeechPart, answer: Submission) -> None:
    failure = answer.failure or Failure(Fault.UNKNOWN, "no_answer", "")
    if answer.outcome is Answer.ACCEPTED:
        _write(
            part,
            outcome=Outcome.ACCEPTED,
            provider_job_id=answer.provider_job_id,
            handle=dict(answer.handle),
            failure_code="",
            failure_message="",
        )
    elif answer.outcome is Answer.REJECTED and part.outcome != Outcome.UNKNOWN:
        _again_or_fail(speech, part, failure)
    else:
        _write(part, outcome=Outcome.UNKNOWN, failure_code=failure.code, failure_message=failure.message)


def _report(speech: Speech, part: SpeechPart, report: JobReport) -> None:
    if report.status is JobStatus.DONE:
        raw = report.raw if isinstance(report.raw, dict) else {}
        _write(
            part,
            outcome=Outcome.ACCEPTED,
            done_at=timezone.now(),
            result_url=report.result_url,
            spans=raw.get("spans", []),
            failure_code="",
            failure_message="",
        )
    elif report.status in (JobStatus.FAILED, JobStatus.CANCELLED):
        _again_or_fail(speech, part, report.failure or Failure(Fault.PROVIDER, "ended", "", retryable=True))


def _again_or_fail(speech: Speech, part: SpeechPart, failure: Failure) -> None:
    """Nothing has come of it, and nothing will: another asking is a new one."""
    if failure.fault.is_ours:
        raise_alert("speech_refused", speech.speaker, f"{speech.speaker} takes no scripts of ours: {failure.named}.")
    lasting = failure.fault in (Fault.INPUT, Fault.MODERATION) or not failure.retryable
    if (lasting and failure.fault is not Fault.RATE_LIMIT) or part.attempt >= MAX_ATTEMPTS:
        _write(part, failure_code=failure.code, failure_message=failure.message)
        finish.fail_by_engine(speech, failure)
        return
    _write(
        part,
        reference=part_reference(),
        attempt=part.attempt + 1,
        sent_at=None,
        outcome=Outcome.PENDING,
        provider_job_id="",
        handle={},
        failure_code=failure.code,
        failure_message=failure.message,
    )


def _write(part: SpeechPart, **fields: object) -> None:
    """Only where nobody has asked for it anew meanwhile."""
    SpeechPart.objects.filter(pk=part.pk, reference=part.reference, done_at=None).update(**fields)


# --- On this server: one at a time, workspaces in turn ----------------------------------------------------------------


def speak_here() -> bool:
    """Speak what is due with this server's own voice, a part at a time. False if another process does."""
    return lease.run_alone(SPEAK_HERE, _speak_in_turn, due_here().exists)


def _speak_in_turn(owner: str) -> None:
    served: dict[str, float] = {}
    until = time.monotonic() + HERE_SECONDS
    try:
        while time.monotonic() < until and lease.acquire(SPEAK_HERE, owner, life=HERE_LIFE):
            following = _next(served)
            if following is None:
                return
            workspace, speech = following
            served[workspace] = time.monotonic()
            speak_on(speech)
    finally:
        # The next round may be another process's, with an engine of its own: there is memory for one.
        for name in ENGINES:
            engine(name).rest()


def _next(served: dict[str, float]) -> tuple[str, str] | None:
    """Of the workspace that has waited longest, the oldest."""
    firsts: dict[str, str] = {}
    for workspace, speech in due_here().order_by("pk").values_list("workspace_id", "pk")[:2_000]:
        firsts.setdefault(str(workspace), speech)
    return min(firsts.items(), key=lambda one: (served.get(one[0], 0.0), one[1]), default=None)


def due_here() -> QuerySet[Speech]:
    return _here().filter(next_try_at__lte=timezone.now())


def _speaking() -> QuerySet[Speech]:
    return Speech.objects.filter(state=SpeechState.SPEAKING)


def _here() -> QuerySet[Speech]:
    here = [name for name in ENGINES if engine(name).on_this_server]
    return _speaking().filter(speaker__startswith=f"{here[0]}:")


def _elsewhere() -> QuerySet[Speech]:
    return _speaking().exclude(pk__in=_here().values("pk"))


KINDS = (
    Kind("speech_here", _here, task=SPEAK_HERE, prompt=True),
    Kind("speech", _elsewhere, task=SPEAK, argument="speech_id", prompt=True),
    Kind(
        "speech_overdue",
        Speech.objects.filter(state=SpeechState.SPEAKING).select_related("hold").all,
        at="deadline_at",
        act=finish.end_overdue,
        what="Ending an overdue speech",
    ),
)
