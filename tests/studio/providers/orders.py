"""Orders for the adapters, and what is asked of a job until it has ended."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest

from studio.providers import http
from studio.providers.base import Provider, webhook_token
from studio.providers.types import JobHandle, JobReport, JobStatus, MediaInput, Outcome, RenderOrder, Submission
from tests.simulators.fixture import Simulators
from tests.simulators.samples import sample

ENDED = (JobStatus.DONE, JobStatus.FAILED, JobStatus.CANCELLED)


def media(name: str, *, url: str | None = None) -> MediaInput:
    """A sample as an input: with a link when the provider shall fetch it, as bytes alone when we have to send it."""
    made = sample(name)
    assert made
    content, content_type = made
    digest = hashlib.sha256(content).hexdigest()
    return MediaInput(name, content_type, len(content), digest, lambda: io.BytesIO(content), url)


def order_for(
    model: str, *, simulators: Simulators | None = None, voice_ms: int = 4_000, webhook: str = "", **more: Any
) -> RenderOrder:
    """With ``simulators``, the inputs are links to their samples; without, they have no address."""
    portrait, voice = "portrait-768x1024.jpg", f"voice-{voice_ms}.mp3"
    reference = more.pop("reference", str(uuid4()))
    letters = f"{webhook}?job={reference}&token={webhook_token(reference)}" if webhook else None
    return RenderOrder(
        reference=reference,
        model=model,
        portrait=media(portrait, url=simulators.sample(portrait) if simulators else None),
        voice=media(voice, url=simulators.sample(voice) if simulators else None),
        voice_ms=voice_ms,
        webhook_url=letters,
        **more,
    )


def use(settings: Any, simulators: Simulators) -> None:
    """Point this site's providers at the simulators."""
    for name, value in simulators.environment.items():
        setattr(settings, name, value)


def handle_of(order: RenderOrder, submission: Submission) -> JobHandle:
    return JobHandle(order.reference, order.model, submission.provider_job_id, submission.handle)


def accepted(provider: Provider, order: RenderOrder) -> JobHandle:
    submission = http.run(provider.submit, order)
    assert submission.outcome is Outcome.ACCEPTED, submission
    return handle_of(order, submission)


def check(provider: Provider, job: JobHandle) -> JobReport:
    return http.run(provider.check, job)


def until_over(provider: Provider, job: JobHandle, *, seconds: float = 120.0) -> JobReport:
    deadline = time.monotonic() + seconds
    while (report := check(provider, job)).status not in ENDED:
        if time.monotonic() > deadline:
            raise AssertionError(f"not over: {report}")
        time.sleep(0.02)
    return report


def older(job: JobHandle, seconds: float) -> JobHandle:
    """The same job, as if it had been accepted that much earlier."""
    since = int(job.handle["accepted_at"] - seconds)
    return JobHandle(job.reference, job.model, job.provider_job_id, {**job.handle, "accepted_at": since})


def fetch(provider: Provider, url: str) -> bytes:
    with provider.stream(url) as chunks:
        return b"".join(chunks)


def without_raw(found: Any) -> Mapping[str, Any]:
    """Every field but the raw answer, for equality of the whole."""
    return {name: getattr(found, name) for name in found.__slots__ if name != "raw"}


def skip_time(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let this process believe that it is so much later."""
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + seconds)
