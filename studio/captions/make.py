"""Making of captions: their times, the files beside the video, and the copy of it that they are drawn into.

What fails here says so beside the video, which stays as it is and costs what it cost.
"""

from __future__ import annotations

import logging
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import QuerySet

from avatarsite.outbox import events
from avatarsite.queue.due_rows import Kind, backoff
from avatarsite.temporary_files import temporary_folder
from studio.captions.change import TASK
from studio.media import judge
from studio.media.captions import files
from studio.media.captions.cues import Cue, cues_of
from studio.media.captions.errors import CaptionsRefused
from studio.media.video.transcode import ConversionFailed
from studio.media.video.videos import UnreadableVideo
from studio.models import Captions, CaptionSource, FileKind, Render, RenderState
from studio.papers.give import Papered, give_papers
from studio.representation import captions_row, serialize_render
from studio.storage import ledger

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=180)  # renewed while captions are drawn
MAX_TRIES = 4
DRIFT_MS = 250
NO_WORDS = "No words were found whose times could be told."
NOT_MADE = "They could not be made. Set the captions again to try once more."
EVENT = "render.captioned"


class _Lost(Exception):
    """Somebody else has these captions now, or has changed them."""


def prepare(render: Render, length_ms: int) -> None:
    """The files beside a video that is about to be ready, so that they are there with it. Never in its way."""
    captions = captions_row(render)
    if captions is None or captions.vtt:
        return
    try:
        _write_files(captions, length_ms)
    except Exception as error:  # noqa: BLE001 -- the video is not to wait for its captions; a task tries again
        logger.warning("%s: captions could not be made with the video: %r", render.pk, error)


def make_captions(render_id: str) -> bool:
    """Make what these captions still lack. True if this call made all of it."""
    found = Captions.objects.select_related("render__voice", "render__workspace").filter(pk=render_id)
    captions = found.filter(render__state=RenderState.READY).first()
    if captions is None or not captions.claim(LEASE):
        return False
    if captions.tries > MAX_TRIES:
        return _end(captions, why=NOT_MADE)
    try:
        if not captions.vtt:
            _write_files(captions, captions.render.measured_ms or 0)
        if captions.burn and not captions.video:
            _burn(captions)
    except _Lost:
        return False
    except CaptionsRefused as refusal:
        return _end(captions, why=str(refusal))
    except (ConversionFailed, UnreadableVideo, OSError) as error:
        logger.warning("%s: captions, try %s: %r", render_id, captions.tries, error)
        captions.waits_out(error) or captions.put_off(backoff(captions.tries, first=5, most=300))
        return False
    return _end(captions)


def _end(captions: Captions, why: str = "") -> bool:
    """Nothing more is to be done, and whoever wants to know is told."""
    failed = {"burn_failure" if captions.vtt else "failure": why[:300]} if why else {}
    with transaction.atomic():
        if not captions.finish(**failed):
            return False
        render = Render.objects.get(pk=captions.pk)
        events.record_event(render.workspace_id, EVENT, subject=f"render:{render.pk}", data=serialize_render(render))
    return not why


def _write_files(captions: Captions, length_ms: int) -> None:
    """Raises CaptionsRefused, OSError."""
    cues = _cues(captions, length_ms)
    if not cues:
        raise CaptionsRefused("captions_empty", NO_WORDS, "Send an SRT or WebVTT file.", field="from")
    names: dict[str, Any] = {}
    for form, text in (("srt", files.srt_of(cues)), ("vtt", files.vtt_of(cues))):
        name = f"{_base(captions)}/captions-{captions.version}.{form}"
        content = ContentFile(text.encode())
        names[form] = ledger.store(captions.render.workspace, name, content, FileKind.CAPTIONS)
    _keep(captions, cues=[list(cue) for cue in cues], **names)


def _cues(captions: Captions, length_ms: int) -> list[Cue]:
    voice = captions.render.sound
    if captions.source == CaptionSource.SCRIPT and voice.sentences:
        return cues_of(voice.sentences, length_ms)
    if captions.source in (CaptionSource.SCRIPT, CaptionSource.TEXT):
        text = captions.text or voice.script
        with temporary_folder("captions-") as folder:
            heard = _copied(voice.file.name or "", folder / "voice")
            return cues_of(judge.sentences_in(heard, text, owner=voice.workspace_id), length_ms)
    return [Cue(start, min(end, length_ms), text) for start, end, text in captions.cues if start < length_ms]


def _burn(captions: Captions) -> None:
    """Raises ConversionFailed, UnreadableVideo, OSError, _Lost."""
    render = captions.render
    stored = render.video.name if render.video else ""
    if not stored:
        raise _Lost
    ending = stored.rsplit(".", 1)[-1]
    with temporary_folder("captions-") as folder:
        source, target = _copied(stored, folder / f"video.{ending}"), folder / f"captioned.{ending}"
        cues = [Cue(*cue) for cue in captions.cues]
        judge.burn(
            source, target, cues, captions.burn, owner=render.workspace_id, progress=captions.renewing(LEASE, _Lost)
        )
        made = judge.video(target, owner=render.workspace_id)
        if abs(made.duration_ms - (render.measured_ms or 0)) > DRIFT_MS:
            raise ConversionFailed(f"It became {made.duration_ms} ms of {render.measured_ms} ms.")
        if not captions.put_off(LEASE):
            raise _Lost
        papers = give_papers(render, target, steps=["Captions were drawn into the picture."], parent=source)
        name = papers.name(f"{_base(captions)}/captioned-{captions.version}", ending)
        papers.store_beside(name)
        with papers.path.open("rb") as file:
            ledger.store(render.workspace, name, File(file), FileKind.CAPTIONED)
    _keep(captions, papers, video=name)


def _keep(captions: Captions, papers: Papered | None = None, **columns: object) -> None:
    """What was stored is named now; nobody's if the captions have changed, and then it is swept."""
    with transaction.atomic():
        if not captions.write(**columns):
            raise _Lost
        if papers:
            papers.keep(captions.video.name or "")
        ledger.keep(*captions.files)


def _copied(name: str, path: Path) -> Path:
    with default_storage.open(name, "rb") as stored, path.open("wb") as copy:
        shutil.copyfileobj(stored, copy)
    return path


def _base(captions: Captions) -> str:
    return f"w/{captions.render.workspace_id}/renders/{captions.pk}"


def _due() -> QuerySet[Captions]:
    return Captions.objects.filter(render__state=RenderState.READY)


KIND = Kind("captions", _due, task=TASK, argument="render_id", key="render_id")
