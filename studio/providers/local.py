"""The draft engine as a provider: this machine renders, each job in a child of the media sandbox.

A job is a folder under ``LOCAL_ENGINE_DIR`` named after our reference, so the same reference twice is one job. Whoever
sends it holds a lock on its folder and waits for the drawing, which ends with the one who waits; a folder with neither
lock nor end is a job whose worker died, and the next check starts it again. What is drawn is handed over before it
counts as done; a job of another host that has handed nothing over is lost, and made again here.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path

from asgiref.sync import sync_to_async
from django.conf import settings

from studio.media.draft import job as engine
from studio.providers import handover
from studio.providers.base import Provider
from studio.providers.types import (
    CancelAnswer,
    Capabilities,
    Failure,
    Fault,
    JobHandle,
    JobReport,
    JobStatus,
    MediaInput,
    Outcome,
    RenderOrder,
    Submission,
)

CHUNK = 1 << 20
SCHEME = "draft-engine:"


class LocalProvider(Provider):
    name = "local"
    label = "This server"
    capabilities = Capabilities(
        output_formats=frozenset({"mp4", "webm", "mov"}),
        output_quality=True,
        can_cancel=True,
        is_ours=True,
        submit_is_repeatable=True,
        output_step=Fraction(1, 25),
        poll_seconds=(0.4, 2.0),
    )
    statuses = {
        engine.WAITING: JobStatus.QUEUED,
        engine.RUNNING: JobStatus.RUNNING,
        engine.DONE: JobStatus.DONE,
        engine.FAILED: JobStatus.FAILED,
        engine.CANCELLED: JobStatus.CANCELLED,
    }
    faults = {
        "unreadable_input": Fault.INPUT,
        "over_limits": Fault.INPUT,
        "engine_died": Fault.PROVIDER,
        "engine_error": Fault.PROVIDER,
    }

    async def _submit(self, order: RenderOrder) -> Submission:
        await sync_to_async(_open_job, thread_sensitive=False)(order)
        return Submission(Outcome.ACCEPTED, provider_job_id=order.reference)

    async def _check(self, job: JobHandle) -> JobReport:
        return await sync_to_async(self._look, thread_sensitive=False)(job)

    def _look(self, job: JobHandle) -> JobReport:
        folder = _folder(job.reference)
        if not folder.is_dir() and handover.is_handed_over(job.reference):
            return self._report(job, engine.JobState(engine.DONE, percent=100))
        if not folder.is_dir():
            failure = Failure(
                Fault.NOT_FOUND, "job_lost", "This server's draft engine has no such job.", retryable=True
            )
            return JobReport(JobStatus.FAILED, failure=failure)
        state = engine.read_state(folder)
        if state.word == engine.ABANDONED:
            engine.start_job(folder)
            return JobReport(JobStatus.QUEUED, provider_job_id=job.reference, raw=asdict(state))
        if drawn := engine.result_path(folder):
            handover.hand_over(drawn, job.reference)
        return self._report(job, state)

    def _report(self, job: JobHandle, state: engine.JobState) -> JobReport:
        failure = None
        if state.word == engine.FAILED:
            failure = Failure(self.faults.get(state.code, Fault.UNKNOWN), state.code, state.message)
        return JobReport(
            self.statuses.get(state.word, JobStatus.UNKNOWN),
            provider_job_id=job.reference,
            progress=state.percent,
            result_url=f"{SCHEME}{job.reference}" if state.word == engine.DONE else "",
            reported_ms=state.duration_ms,
            failure=failure,
            raw=asdict(state),
        )

    async def _cancel(self, job: JobHandle) -> CancelAnswer:
        folder = _folder(job.reference)
        if not folder.is_dir():
            return CancelAnswer.CANCELLED
        stopped = await sync_to_async(engine.cancel, thread_sensitive=False)(folder)
        return CancelAnswer.CANCELLED if stopped else CancelAnswer.TOO_LATE

    def stream(self, report_url: str) -> AbstractContextManager[Iterator[bytes]]:
        reference = report_url.removeprefix(SCHEME)
        return handover.made_here(engine.result_path(_folder(reference)), reference)

    def forget(self, job: JobHandle) -> None:
        shutil.rmtree(_folder(job.reference), ignore_errors=True)
        handover.withdraw(job.reference)


def _folder(reference: str) -> Path:
    return Path(settings.LOCAL_ENGINE_DIR) / reference


def _open_job(order: RenderOrder) -> None:
    """Lay the folder out beside its final name, then move it there in one step: a half-made job never shows."""
    folder = _folder(order.reference)
    if not folder.is_dir():
        draft = folder.with_name(f".{order.reference}.{threading.get_ident()}")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        portrait, voice = _copy(order.portrait, draft, "portrait"), _copy(order.voice, draft, "voice")
        engine.write_order(
            draft,
            engine.JobOrder(
                portrait=portrait,
                voice=voice,
                prompt=order.prompt,
                output_format=order.output_format,
                output_quality=order.output_quality,
                owner=order.owner,
            ),
        )
        try:
            draft.rename(folder)
        except OSError:
            shutil.rmtree(draft, ignore_errors=True)  # somebody else was first with the same reference
    if engine.read_state(folder).word == engine.ABANDONED:
        engine.start_job(folder)


def _copy(source: MediaInput, folder: Path, stem: str) -> str:
    name = stem + Path(source.name).suffix.lower()
    with source.open() as taken, (folder / name).open("wb") as kept:
        shutil.copyfileobj(taken, kept, CHUNK)
    return name
