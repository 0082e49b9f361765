"""Ingest of a finished file: copy, check, measure, poster, store. Only then is it charged."""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from avatarsite.queue.due_rows import backoff
from avatarsite.temporary_files import temporary_folder
from studio.captions import make as captions
from studio.media import judge
from studio.media.video.transcode import MIN_UNTOUCHED_QUALITY, Conversion, ConversionFailed, conversion_of
from studio.media.video.videos import UnreadableVideo, VideoFacts, sha256_of
from studio.models import FileKind, JobStatus, ProviderJob, Render, RenderState
from studio.models.content import VISIBLE
from studio.papers.give import Papered, give_papers, leaves_the_house
from studio.pipeline import states
from studio.pipeline.content.check import check_copy
from studio.pipeline.failures import COPY_FAILED, fail_render
from studio.pipeline.ingest.incoming_file import IncomingFile
from studio.pipeline.orders import handle_of
from studio.pipeline.reports import reopen
from studio.pipeline.settle import settle_render
from studio.providers import registry
from studio.providers.types import ProviderError
from studio.storage import ledger
from studio.storage.ledger import Coming

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=180)  # renewed while a download or a conversion goes on
COPY_TRIES = 5
MAX_REOPENS = 2  # times the provider is asked again where the video is
MAX_BYTES = 2_000_000_000
CONVERSION_DRIFT_MS = 250


class CopyFailed(Exception):
    """This copy is no good; another may be."""


def ingest_render(render_id: str) -> bool:
    """Copy the finished video into our storage and settle it. True if this call made it ready."""
    render = Render.objects.select_related("hold__account", "workspace", "price", "voice").get(pk=render_id)
    if render.state != RenderState.INGESTING or not render.claim(LEASE):
        return False
    job = render.jobs.filter(status=JobStatus.DONE).order_by("attempt").last()
    if job is None or render.tries > COPY_TRIES:
        return _give_up(render)
    with temporary_folder("ingest-") as folder:
        try:
            made, papers = _bring_home(render, job, folder)
        except (CopyFailed, ConversionFailed, ProviderError, UnreadableVideo, OSError) as error:
            logger.warning("%s: copy %s failed: %s", render.pk, render.tries, type(error).__name__)
            if states.waits_out(render, error, doing="the copy"):
                return False
            return _again(render, str(error))
    captions.prepare(render, made["measured_ms"])
    done = settle_render(render, job=job, papers=papers, **made)
    if done:
        registry.provider_of(job.offer).forget(handle_of(job))
    return done


def _again(render: Render, why: str) -> bool:
    if render.tries >= COPY_TRIES:
        return _give_up(render)
    wait = backoff(render.tries, first=1, most=60)
    states.try_again(render, after=wait, reason="the copy failed and is tried again", detail={"why": why})
    return False


def _give_up(render: Render) -> bool:
    """Ask the provider again for where the file is; when that has not helped either, the money goes back."""
    reopened = render.events.filter(from_state=RenderState.INGESTING, to_state=RenderState.RENDERING).count()
    if reopened < MAX_REOPENS and render.jobs.filter(status=JobStatus.DONE).exists():
        reopen(render, reason="the copy failed; the provider is asked again")
        return False
    fail_render(render, code="copy_failed", message=COPY_FAILED, reason="no complete copy could be had")
    return False


def _taken_over() -> CopyFailed:
    return CopyFailed("Somebody else has taken the copy over.")


def _bring_home(render: Render, job: ProviderJob, folder: Path) -> tuple[dict[str, Any], Papered]:
    """The columns of a stored and checked copy. The length, which is charged, is that of the provider's own file."""
    # The names derive from the render's id and the file, so a repeat writes over nothing that another try has made.
    base = f"w/{render.workspace_id}/renders/{render.pk}"
    form = render.options.get("output_format", "mp4")
    early = f"{base}/video.{form}" if _may_stay_as_it_is(render, job) else None
    with IncomingFile(folder / "came", owner=render.workspace_id, early=early) as incoming:
        _download(render, job, incoming)
        came, made, picture = incoming.check()
        _check(made, render)
        found = check_copy(render, came, progress=render.renewing(LEASE, _taken_over))
        path, facts, picture, steps = _as_asked_for(render, job, came, made, picture)
        papers = give_papers(render, path, steps=steps, parent=came)
        name, size = papers.name(f"{base}/video", form), papers.path.stat().st_size
        if not render.put_off(LEASE):
            raise CopyFailed("Somebody else has taken the copy over.")
        still = Coming(f"{base}/poster.jpg", len(picture), FileKind.POSTER)
        ledger.expect_output(render.workspace, Coming(name, size, FileKind.VIDEO), still)
        # At once: a disk and a bucket have to be waited for, whatever the size of the file.
        poster = incoming.submit(default_storage.save, still.name, ContentFile(picture))
        papers.store_beside(name)
        video = incoming.store(papers.path, name)
        stored = {"video": video, "poster": poster.result()}
    columns = {
        **stored,
        **found,
        "video_bytes": size,
        "video_sha256": papers.sha256,
        "measured_ms": made.duration_ms,
        "width": facts.width,
        "height": facts.height,
    }
    return columns, papers


def _may_stay_as_it_is(render: Render, job: ProviderJob) -> bool:
    """As far as it can be told before the file is seen."""
    if leaves_the_house(render):
        return False
    quality = render.options.get("output_quality", MIN_UNTOUCHED_QUALITY)
    return quality >= MIN_UNTOUCHED_QUALITY or registry.provider_of(job.offer).capabilities.output_quality


def _as_asked_for(
    render: Render, job: ProviderJob, came: Path, made: VideoFacts, poster: bytes
) -> tuple[Path, VideoFacts, bytes, list[str]]:
    """The file in the format and quality that was asked for, converted where its provider can't make it so, and how."""
    conversion = conversion_of(
        came,
        made,
        output_format=render.options.get("output_format", "mp4"),
        output_quality=render.options.get("output_quality", 95),
        has_quality=registry.provider_of(job.offer).capabilities.output_quality,
        labels=render.options.get("visible_label") == VISIBLE,
    )
    if conversion is None:
        return came, made, poster, []
    path = _converted(render, came, conversion)
    probe = judge.video(path, owner=render.workspace_id)
    facts = probe.facts(path.stat().st_size, sha256_of(path))
    if not facts.has_audio or abs(facts.duration_ms - made.duration_ms) > CONVERSION_DRIFT_MS:
        raise ConversionFailed(f"The conversion made {facts.duration_ms} ms of {made.duration_ms} ms.")
    states.note(render, "converted by us", detail={"conversion": conversion.sentence})
    return path, facts, probe.poster, [conversion.sentence]


def _converted(render: Render, came: Path, conversion: Conversion) -> Path:
    path = came.with_name(f"converted.{conversion.output_format}")
    judge.convert(came, path, conversion, owner=render.workspace_id, progress=render.renewing(LEASE, _taken_over))
    return path


def _download(render: Render, job: ProviderJob, incoming: IncomingFile) -> None:
    """Stream the provider's file in constant memory, and keep the claim while it comes."""
    renew = render.renewing(LEASE, _taken_over)
    with registry.provider_of(job.offer).stream(job.result_url) as chunks:
        for chunk in chunks:
            incoming.add(chunk)
            if incoming.size > MAX_BYTES:
                raise CopyFailed(f"The file is larger than {MAX_BYTES:,} bytes.")
            renew(chunk)
    if not incoming.size:
        raise CopyFailed("The file is empty.")


def _check(facts: VideoFacts, render: Render) -> None:
    if not facts.has_audio:
        raise CopyFailed("The file has no sound.")
    voice_ms = render.sound.duration_ms or 0
    if facts.duration_ms < voice_ms * 0.8 - 500:
        raise CopyFailed(f"The file is {facts.duration_ms} ms long for a voice of {voice_ms} ms.")
