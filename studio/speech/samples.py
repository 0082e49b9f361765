"""Samples of speakers: a short sentence by each, spoken once when somebody first asks for it, and kept on this host."""

from __future__ import annotations

import fcntl
import time
import uuid
from pathlib import Path

from django.conf import settings

from avatarsite.errors import DomainError
from studio.providers import http
from studio.providers.speech import Engine, Speaker, SpeechOrder
from studio.providers.types import JobHandle, JobReport, JobStatus, Outcome, ProviderError
from studio.speech.speakers import engine

SENTENCES = ("Hello!", "This is how I sound.", "One portrait and my voice, and your video is ready.")
MAX_SECONDS = 45.0
MAX_BYTES = 5_000_000


class NoSample(DomainError):
    """The sample can't be had now."""

    retryable = True

    def __init__(self) -> None:
        super().__init__(
            "sample_unavailable", "A sample of this voice can’t be had now.", field="voice", remedy="Try again later."
        )


def sample_of(speaker: Speaker) -> Path:
    """The file, spoken now if nobody has asked before; two who ask at once wait for one. Raises NoSample."""
    path = Path(settings.LOCAL_ENGINE_DIR) / "samples" / speaker.engine / speaker.voice
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not path.exists():
            _speak(speaker, path)
    return path


def content_type_of(path: Path) -> str:
    """What engines answer: WAV on this server, MP3 elsewhere."""
    with path.open("rb") as file:
        return "audio/wav" if file.read(4) == b"RIFF" else "audio/mpeg"


def _speak(speaker: Speaker, path: Path) -> None:
    mouth, unfinished = engine(speaker.engine), path.with_name(f".{path.name}")
    order = SpeechOrder(str(uuid.uuid4()), mouth.model, speaker.voice, SENTENCES, gap_ms=250)
    answer = http.run(mouth.submit, order)
    if answer.outcome is not Outcome.ACCEPTED:
        raise NoSample
    job = JobHandle(order.reference, mouth.model, answer.provider_job_id, answer.handle)
    size = 0
    try:
        with mouth.stream(_until_done(mouth, job).result_url) as chunks, unfinished.open("wb") as file:
            for chunk in chunks:
                size += len(chunk)
                if size > MAX_BYTES:
                    raise NoSample
                file.write(chunk)
    except ProviderError as error:
        raise NoSample from error
    unfinished.rename(path)


def _until_done(mouth: Engine, job: JobHandle) -> JobReport:
    until = time.monotonic() + MAX_SECONDS
    while time.monotonic() < until:
        report = http.run(mouth.check, job)
        if report.status is JobStatus.DONE:
            return report
        if report.status in (JobStatus.FAILED, JobStatus.CANCELLED):
            break
        time.sleep(mouth.check_seconds)
    raise NoSample
