"""The stretches of a long voice: found by listening to it, in a task, and kept with the upload."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from avatarsite.queue import jobs
from avatarsite.queue.due_rows import Kind, backoff
from avatarsite.temporary_files import temporary_folder
from studio.media import judge
from studio.media.errors import Refusal, UploadRefused
from studio.models import Listening, Part, RenderState, Speech, Upload
from studio.uploads.listening import REFUSED_FOR, TASK, BeingListenedTo, ask_to_listen, needs_parts

logger = logging.getLogger(__name__)

MIN_PART_MS, MAX_PART_MS = 30_000, 120_000
MAX_KNOWN = 2_000
# Where an upload's details keep what was found, and by which limits.
DETAILS_KEY = "stretches"
# What was heard is used for that long, whatever is made meanwhile: else a busy workspace would never see a price.
FRESH_SECONDS = 300
LEASE = timedelta(seconds=180)  # a second one that begins then does no harm
MAX_TRIES = 5
NOT_HEARD = {
    "code": Refusal.VOICE_OVER_LIMITS,
    "message": "The voice could not be listened to.",
    "remedy": "Try again in an hour, or save it as MP3 or WAV and upload that.",
}


@dataclass(frozen=True, slots=True)
class Stretch:
    """From one sample of the voice to another; ``sha256`` is of its decoded sound."""

    begin: int
    end: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Sound:
    """A voice in stretches that follow each other without a gap; ``rate`` is samples a second."""

    rate: int
    stretches: tuple[Stretch, ...]

    @property
    def samples(self) -> int:
        return self.stretches[-1].end

    def ms(self, stretch: Stretch) -> int:
        """Rounded up, so that no price is of less than is sent."""
        return -(-(stretch.end - stretch.begin) * 1000 // self.rate)


def sound_of(voice: Upload) -> Sound:
    """The stretches of a voice. Raises UploadRefused for one that can't be split.

    Raises BeingListenedTo when nobody has listened to it, and has that done; so whoever begins a transaction calls
    ``prepare`` before it. Until a video is made of it, it is listened to again when there is more that it might have
    in common with others.
    """
    if not _is_known(voice):
        # The row before the upload: what has ended by then is written.
        row = Listening.objects.filter(pk=voice.pk).first()
        voice.refresh_from_db(fields=["details", "sentences"])
        if not _is_known(voice):
            _check_refused(row)
            raise BeingListenedTo(ask_to_listen(voice))
    return _kept(voice)


def hear(voice: Upload, model: str) -> None:
    """Listen to a voice that will need parts, now: for commands and tasks, which may wait. Raises UploadRefused."""
    if needs_parts(model, voice.duration_ms or 0) and not _is_known(voice):
        _listen(voice)


def unheard(voice: Upload, model: str) -> BeingListenedTo | None:
    """What there is to wait for before such a video has a price. That a voice can't be split is said by the price."""
    try:
        if needs_parts(model, voice.duration_ms or 0):
            sound_of(voice)
    except BeingListenedTo as wait:
        return wait
    except UploadRefused:
        pass
    return None


def prepare(*asked: tuple[Upload, str]) -> None:
    """Have voices listened to that models need in parts, outside of a transaction.

    Raises BeingListenedTo, of the one that takes longest.
    """
    different = {(voice.pk, model): voice for voice, model in asked}
    waits = [wait for (_, model), voice in different.items() if (wait := unheard(voice, model))]
    if waits:
        raise max(waits, key=lambda wait: wait.retry_after or 0)


def listen_to(voice_id: str) -> bool:
    """Listen to a voice, if that is due. True if this call has ended the matter. Safe to repeat, and at once."""
    row = Listening.objects.select_related("voice__workspace").filter(pk=voice_id).first()
    if row is None or not row.claim(LEASE):
        return False
    if row.tries > MAX_TRIES:
        logger.error("%s could not be listened to in %s tries", voice_id, MAX_TRIES)
        return _end(row, refused=NOT_HEARD)
    try:
        if not _is_known(row.voice):
            _listen(row.voice)
    except UploadRefused as refusal:
        return _end(row, refused={"code": refusal.code, "message": refusal.message, "remedy": refusal.remedy})
    except Upload.DoesNotExist:
        return False
    except OSError as error:
        logger.warning("%s: listening, try %s: %r", voice_id, row.tries, error)
        row.waits_out(error) or row.put_off(backoff(row.tries, first=2, most=60))
        return False
    return _end(row)


def _end(row: Listening, **refused: Any) -> bool:
    """Videos that wait for what was heard are moved on."""
    with transaction.atomic():
        ended = row.finish(**refused)
        waiting = Speech.objects.filter(upload=row.voice_id, renders__state=RenderState.SPEAKING).distinct()
        for speech in waiting if ended else ():
            jobs.enqueue("studio.spoken", speech_id=speech.pk)
    return ended


def _check_refused(row: Listening | None) -> None:
    if row and row.refused and row.next_try_at is None and row.asked_at > timezone.now() - REFUSED_FOR:
        raise UploadRefused(Refusal(row.refused["code"]), row.refused["message"], row.refused["remedy"])


def _is_known(voice: Upload) -> bool:
    """Whether what is kept was found by today's limits, by the words that it says, and beside what was made by then."""
    kept = voice.details.get(DETAILS_KEY)
    if not kept or kept["limits"] != [MIN_PART_MS, MAX_PART_MS]:
        return False
    if kept.get("sentences", len(voice.sentences)) != len(voice.sentences):
        return False
    return kept.get("at", 0) > time.time() - FRESH_SECONDS or not _is_behind(voice, kept["newest"])


def _is_behind(voice: Upload, newest: int) -> bool:
    return _newest_part(voice) > newest and not Part.objects.filter(whole__voice=voice).exists()


def _newest_part(voice: Upload) -> int:
    return (
        Part.objects.filter(whole__workspace=voice.workspace_id).order_by("-pk").values_list("pk", flat=True).first()
        or 0
    )


def _kept(voice: Upload) -> Sound:
    kept = voice.details[DETAILS_KEY]
    return Sound(kept["rate"], tuple(Stretch(*stretch) for stretch in kept["stretches"]))


def _listen(voice: Upload) -> None:
    """Find the stretches and keep them. Raises UploadRefused, OSError, Upload.DoesNotExist."""
    kept = {
        "limits": [MIN_PART_MS, MAX_PART_MS],
        "newest": _newest_part(voice),
        "sentences": len(voice.sentences),
        **_listened(voice),
        "at": int(time.time()),
    }
    with transaction.atomic():
        row = Upload.objects.select_for_update().get(pk=voice.pk)
        row.details[DETAILS_KEY] = kept
        row.save(update_fields=["details"])
    voice.details[DETAILS_KEY] = kept


def _listened(voice: Upload) -> dict[str, Any]:
    """Where a stretch of another of the workspace's voices is found again, it is kept as it is."""
    recent = Part.objects.filter(whole__workspace=voice.workspace_id).order_by("-pk")[:MAX_KNOWN]
    known = {sound: end - begin for sound, begin, end in recent.values_list("sound", "begin", "end")}
    with on_disk(voice) as path:
        found = judge.split(path, voice.sentences, MIN_PART_MS, MAX_PART_MS, owner=voice.workspace_id, known=known)
    return {"rate": found.rate, "stretches": [[one.begin, one.end, one.sha256] for one in found.stretches]}


@contextmanager
def on_disk(voice: Upload) -> Iterator[Path]:
    """A copy of the stored file beside which there is room."""
    with temporary_folder("voice-") as folder:
        path = folder / f"voice{Path(voice.file.name or '').suffix}"
        with voice.file.open("rb") as stored, path.open("wb") as copy:
            shutil.copyfileobj(stored, copy, 1 << 20)
        yield path


KIND = Kind("listening", Listening.objects.all, task=TASK, argument="voice_id")
