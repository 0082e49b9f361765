"""Making of a rendition: the stored video converted in the sandbox, checked, given its papers, stored.

What fails here says so beside the video, which stays as it is.
"""

from __future__ import annotations

import logging
import shutil
from datetime import timedelta
from pathlib import Path

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import QuerySet

from avatarsite.queue.due_rows import Kind, backoff
from avatarsite.temporary_files import temporary_folder
from studio.media import judge
from studio.media.video.transcode import MIN_UNTOUCHED_QUALITY, ConversionFailed, conversion_of
from studio.media.video.videos import UnreadableVideo, sha256_of
from studio.models import FileKind, RenderState, Rendition, RenditionFormat
from studio.papers.give import Papered, give_papers
from studio.renditions.ask import TASK
from studio.storage import ledger

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=180)  # renewed while it is converted
MAX_TRIES = 4
DRIFT_MS = 250
NOT_MADE = "It could not be made. Ask for it again to try once more."
PREVIEW = "A short preview was made of it, as a GIF."


class _Lost(Exception):
    """Somebody else has it now, or nobody wants it any more."""


def make_rendition(rendition_id: str) -> bool:
    """True if this call made it."""
    found = _due().select_related("render__workspace").filter(pk=rendition_id).first()
    if found is None or not found.claim(LEASE):
        return False
    if found.tries > MAX_TRIES:
        found.finish(failure=NOT_MADE)
        return False
    try:
        with temporary_folder("rendition-") as folder:
            papers = _made(found, folder)
            _store(found, papers)
    except _Lost:
        return False
    except (ConversionFailed, UnreadableVideo, OSError) as error:
        logger.warning("%s: try %s: %r", found, found.tries, error)
        found.waits_out(error) or found.put_off(backoff(found.tries, first=5, most=300))
        return False
    return True


def _made(rendition: Rendition, folder: Path) -> Papered:
    render, form = rendition.render, rendition.format
    stored = render.video.name if render.video else ""
    if not stored:
        raise _Lost
    source, target = folder / f"video.{stored.rsplit('.', 1)[-1]}", folder / f"rendition.{form}"
    with default_storage.open(stored, "rb") as file, source.open("wb") as copy:
        shutil.copyfileobj(file, copy)
    if form == RenditionFormat.GIF:
        judge.preview(source, target, owner=render.workspace_id)
        return give_papers(render, target, steps=[PREVIEW], parent=source)
    step = _converted(rendition, source, target)
    return give_papers(render, target, steps=[step], parent=source)


def _converted(rendition: Rendition, source: Path, target: Path) -> str:
    """What was done, as a sentence. What the other container takes as it is, is not encoded again."""
    render = rendition.render
    seen = judge.video(source, owner=render.workspace_id)
    quality = max(render.options.get("output_quality", MIN_UNTOUCHED_QUALITY), MIN_UNTOUCHED_QUALITY)
    facts = seen.facts(source.stat().st_size, sha256_of(source))
    conversion = conversion_of(source, facts, output_format=rendition.format, output_quality=quality, has_quality=True)
    if conversion is None:
        raise ConversionFailed(f"It is {rendition.format} already.")
    judge.convert(source, target, conversion, owner=render.workspace_id, progress=rendition.renewing(LEASE, _Lost))
    made = judge.video(target, owner=render.workspace_id)
    if abs(made.duration_ms - (render.measured_ms or 0)) > DRIFT_MS:
        raise ConversionFailed(f"It became {made.duration_ms} ms of {render.measured_ms} ms.")
    return conversion.sentence


def _store(rendition: Rendition, papers: Papered) -> None:
    """What was stored is named now; nobody's if the wish was taken back, and then it is swept."""
    render = rendition.render
    if not rendition.put_off(LEASE):
        raise _Lost
    name = papers.name(f"w/{render.workspace_id}/renders/{render.pk}/rendition-{rendition.pk}", rendition.format)
    papers.store_beside(name)
    with papers.path.open("rb") as file:
        ledger.store(render.workspace, name, File(file), FileKind.RENDITION)
    with transaction.atomic():
        if not rendition.finish(file=name, bytes=papers.path.stat().st_size):
            raise _Lost
        papers.keep(name)
        ledger.keep(name)


def _due() -> QuerySet[Rendition]:
    return Rendition.objects.filter(render__state=RenderState.READY)


KIND = Kind("rendition", _due, task=TASK, argument="rendition_id")
