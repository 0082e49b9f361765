"""Cutting a long voice: each part that is to be made gets its own sound, and may then be sent."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from pathlib import Path

from django.core.files.base import File
from django.db import transaction
from django.utils import timezone

from avatarsite.queue.sweeping import BATCH, each
from avatarsite.temporary_files import temporary_folder
from studio.media import judge
from studio.models import FileKind, Part, Render, RenderState, Upload, UploadKind, Whole
from studio.models.renders import ENDED
from studio.models.uploads import upload_id
from studio.pipeline import states
from studio.pipeline.long.sound import on_disk
from studio.pipeline.watch.wake import notify_watcher
from studio.storage import ledger

LEASE = timedelta(seconds=180)


class CutFailed(Exception):
    """This try is no good; another may be."""


def cut_parts(work: Whole) -> bool:
    """Give each part its sound, and let it go. False if somebody else was first."""
    whole = work.render
    parts = list(whole.parts.filter(kept=False, render__state=RenderState.QUEUED).select_related("render"))
    with on_disk(whole.sound) as voice, temporary_folder("cut-") as folder:
        stretches = [(part.begin, part.end) for part in parts]
        files = judge.cut(voice, stretches, folder, owner=whole.workspace_id) if parts else []
        sounds = {}
        for part, file in zip(parts, files, strict=True):
            if not work.put_off(LEASE):
                raise CutFailed("Somebody else has taken the cutting over.")
            sounds[part.pk] = _stored(whole, part, file, work.rate)
    return _let_go(work, parts, sounds)


def _stored(whole: Render, part: Part, file: Path, rate: int) -> Upload:
    """Its row is written with those of the others. The name follows from the part's render, so a repeat overwrites."""
    name = f"w/{whole.workspace_id}/uploads/{part.render_id}.cut.wav"
    with file.open("rb") as sound:
        digest = sha256(sound.read()).hexdigest()
        sound.seek(0)
        stored = ledger.store(whole.workspace, name, File(sound, name), FileKind.COPY)
    return Upload(
        id=upload_id(),
        workspace=whole.workspace,
        kind=UploadKind.VOICE,
        name=f"{whole.sound.name}, part {part.number}"[:200],
        sha256=digest,
        file=stored,
        content_type="audio/wav",
        bytes=file.stat().st_size,
        duration_ms=-(-(part.end - part.begin) * 1000 // rate),
        details={
            name: whole.sound.details[name] for name in ("channels", "sample_rate") if name in whole.sound.details
        },
        cut_from=whole.sound,
        created_by=whole.requested_by,
    )


def _let_go(work: Whole, parts: list[Part], sounds: dict[int, Upload]) -> bool:
    now = timezone.now()
    with transaction.atomic():
        if not states.advance(
            work.render, RenderState.RENDERING, reason="the voice was cut", detail={"parts": len(parts)}
        ):
            return False
        Upload.objects.bulk_create(sounds.values())
        ledger.keep(*(str(sound.file.name) for sound in sounds.values()))
        for part in parts:
            queued = Render.objects.filter(pk=part.render_id, state=RenderState.QUEUED)
            queued.update(voice=sounds[part.pk], next_try_at=now)
        notify_watcher()
    return True


def drop_cuts() -> int:
    """Delete the sounds whose parts have ended; a part that is asked for again gets it cut again."""
    ended = Render.objects.filter(voice__cut_from__isnull=False, state__in=ENDED).select_related("voice", "whole")
    return len(each(ended[:BATCH], _drop, "Deleting the sound of an ended part"))


def _drop(part: Render) -> None:
    sound = part.sound
    with transaction.atomic():
        Render.objects.filter(pk=part.pk).update(voice=sound.cut_from)
        if Render.objects.filter(voice=sound).exists():
            return  # the part is made again
        sound.delete()
        ledger.let_go(sound.file.name, sound.details.get("sent", {}).get("name"))
