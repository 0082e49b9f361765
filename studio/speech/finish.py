"""End of a speech: its parts are joined and kept as a voice, and charged with it in one transaction; or it failed."""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path

from django.core.files.base import File
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from avatarsite.errors import DomainError
from avatarsite.queue import jobs
from avatarsite.temporary_files import temporary_folder
from billing.holds import holds
from billing.usage.generations import record_generations
from studio.media import judge
from studio.media.voices.spoken import NotSpoken, Part, Span
from studio.models import Speech, SpeechPart, SpeechState, Upload, UploadKind
from studio.providers import http
from studio.providers.speech import Engine
from studio.providers.types import Failure, Fault, JobHandle, ProviderError
from studio.uploads.add import add_upload

logger = logging.getLogger(__name__)

MAX_PART_BYTES = 60_000_000
AGAIN = timedelta(seconds=5)

OVERDUE = "It took too long to speak. Nothing was charged; try again."
BROKEN = "The voice broke while it was spoken. Nothing was charged; try again."
SENTENCES = {
    Fault.INPUT: "The voice would not take the script. Nothing was charged; change its words or choose another voice.",
    Fault.MODERATION: "The voice’s content check refused the script. Nothing was charged; change its words.",
    Fault.QUOTA: "This voice can’t be had at the moment. Nothing was charged; choose another, or try again later.",
    Fault.AUTH: "This voice can’t be had at the moment. Nothing was charged; choose another, or try again later.",
}


def finish_speech(speech: Speech, mouth: Engine) -> None:
    """Join what was spoken, keep it, charge for it. What can't be fetched now is fetched later."""
    parts = list(speech.parts.order_by("number"))
    try:
        upload = _kept(speech, mouth, parts)
    except ProviderError as error:
        logger.warning("%s: a part could not be fetched: %s", speech.pk, error.failure.named)
        speech.put_off(AGAIN)
        return
    except OSError as error:
        if speech.waits_out(error):
            return
        raise
    except NotSpoken as error:
        logger.warning("%s: %s", speech.pk, error)
        fail_speech(speech, code="voice_broken", message=BROKEN)
        return
    except DomainError as refusal:
        if getattr(refusal, "retryable", False):
            speech.put_off(timedelta(seconds=30))
            return
        fail_speech(speech, code=refusal.code, message=f"{refusal} Nothing was charged.")
        return
    if _settle(speech, upload):
        http.run(_forget, mouth, [JobHandle(part.reference, mouth.model, part.provider_job_id) for part in parts])


def _kept(speech: Speech, mouth: Engine, parts: list[SpeechPart]) -> Upload:
    with temporary_folder("speech-") as folder:
        joined = [_fetched(mouth, part, folder) for part in parts]
        (folder / "out").mkdir()
        voice = folder / "out" / "voice.flac"
        times = judge.joined(joined, voice, owner=str(speech.workspace_id))
        said = _timed([sentence for part in parts for sentence in part.sentences], times)
        with voice.open("rb") as file:
            upload = add_upload(
                speech.workspace,
                kind=UploadKind.VOICE,
                file=File(file, name=voice.name),
                name=f"{speech.title.strip(' .…')[:80]}.flac",
                user=speech.requested_by,
                script=speech.script,
                sentences=said,
            )
    if upload.sentences != said:  # its bytes were there before
        upload.script, upload.sentences = speech.script, said
        upload.save(update_fields=["script", "sentences"])
    return upload


def _timed(sentences: list[str], times: list[Span]) -> list[list[object]]:
    return [[start, end, sentence] for sentence, (start, end) in zip(sentences, times, strict=True)]


def _fetched(mouth: Engine, part: SpeechPart, folder: Path) -> Part:
    lengths = tuple(len(said) for said in part.said)
    if not part.said:
        return Part(None, (), (), part.pause_ms)
    path, size = folder / f"{part.number}", 0
    with mouth.stream(part.result_url) as chunks, path.open("wb") as file:
        for chunk in chunks:
            size += len(chunk)
            if size > MAX_PART_BYTES:
                raise NotSpoken("A part is larger than its words can be.")
            file.write(chunk)
    return Part(path, lengths, tuple((start, end) for start, end in part.spans), part.pause_ms)


def _settle(speech: Speech, upload: Upload) -> bool:
    """Ready and charged in one transaction. False if somebody else ended it first."""
    spoken = speech.parts.exclude(said=[]).count()
    with transaction.atomic():
        # Kept from being deleted until something names it.
        if not Upload.objects.select_for_update().filter(pk=upload.pk).exists():
            speech.put_off(AGAIN)
            return False
        ended = _end(speech, SpeechState.READY, upload=upload, charge_micros=speech.ceiling_micros)
        if ended and speech.hold and speech.price:
            record_generations(
                subject=f"speech:{speech.pk}", price=speech.price, count=spoken, hold=speech.hold, paid=True
            )
    return ended


def fail_by_engine(speech: Speech, failure: Failure) -> bool:
    return fail_speech(speech, code=f"speech_{failure.fault}", message=SENTENCES.get(failure.fault, BROKEN))


def fail_speech(speech: Speech, *, code: str, message: str) -> bool:
    """Everything that is held goes back. What parts have cost us is a loss of ours."""
    with transaction.atomic():
        if not _end(speech, SpeechState.FAILED, failure_code=code[:60], failure_message=message):
            return False
        if speech.hold and speech.price:
            holds.release_hold(speech.hold, reason="the script could not be spoken")
            made = speech.parts.filter(done_at__isnull=False).count()
            record_generations(
                subject=f"speech:{speech.pk}", price=speech.price, count=made, hold=speech.hold, paid=False
            )
    return True


def end_overdue(speech: Speech) -> bool:
    return fail_speech(speech, code="overdue", message=OVERDUE)


def _end(speech: Speech, state: SpeechState, **fields: object) -> bool:
    """The one writer of a speech's state. Whoever waits for it is told by a task, and found by the sweep."""
    now = timezone.now()
    ended = Speech.objects.filter(Q(pk=speech.pk), state=SpeechState.SPEAKING).update(
        state=state, finished_at=now, next_try_at=None, deadline_at=None, **fields
    )
    if ended:
        jobs.enqueue("studio.spoken", speech_id=speech.pk)
        speech.refresh_from_db()
    return bool(ended)


async def _forget(mouth: Engine, parts: list[JobHandle]) -> None:
    for part in parts:
        await mouth.forget(part)
