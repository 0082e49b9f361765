"""The stretches of a long voice: found once by listening to it, and kept with the upload."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.db import transaction

from avatarsite.temporary_files import temporary_folder
from studio.media import judge
from studio.media.voices.voices import MAX_AT_ONCE_MS
from studio.models import Part, Upload
from studio.providers import registry

MIN_PART_MS, MAX_PART_MS = 30_000, 120_000
MAX_KNOWN = 2_000
# Where an upload's details keep what was found, and by which limits.
DETAILS_KEY = "stretches"


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
    """The stretches of a voice; it is listened to at the first call. Raises UploadRefused for one that can't be split.

    That takes seconds for an hour of sound, so whoever begins a transaction asks before it. Until a video is made of
    it, it is listened to again when there is more that it might have in common with others.
    """
    limits, kept = [MIN_PART_MS, MAX_PART_MS], voice.details.get(DETAILS_KEY)
    if not kept or kept["limits"] != limits or _is_behind(voice, kept["newest"]):
        newest = _newest_part(voice)
        kept = {"limits": limits, "newest": newest, **_listened(voice)}
        with transaction.atomic():
            row = Upload.objects.select_for_update().get(pk=voice.pk)
            row.details[DETAILS_KEY] = kept
            row.save(update_fields=["details"])
        voice.details[DETAILS_KEY] = kept
    return Sound(kept["rate"], tuple(Stretch(*stretch) for stretch in kept["stretches"]))


def _is_behind(voice: Upload, newest: int) -> bool:
    return _newest_part(voice) > newest and not Part.objects.filter(whole__voice=voice).exists()


def _newest_part(voice: Upload) -> int:
    return (
        Part.objects.filter(whole__workspace=voice.workspace_id).order_by("-pk").values_list("pk", flat=True).first()
        or 0
    )


def prepare(voice: Upload, model: str) -> None:
    """Listen to a voice that will need parts, outside of a transaction. Raises UploadRefused."""
    if needs_parts(model, voice.duration_ms or 0):
        sound_of(voice)


def needs_parts(model: str, voice_ms: int) -> bool:
    """Whether a voice is too long for every offer of the model."""
    offers = registry.offers_of(model)
    limits = [registry.provider(offer.provider).capabilities.voice_ms[1] for offer in offers]
    return voice_ms > min(MAX_AT_ONCE_MS, max(limits, default=MAX_AT_ONCE_MS))


def _listened(voice: Upload) -> dict[str, object]:
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
