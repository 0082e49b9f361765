"""Joining of the parts of a long video into one file, with the voice's own sound, stored like any video."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage

from avatarsite.temporary_files import temporary_folder
from studio.captions import make as captions
from studio.media import judge
from studio.media.video.transcode import ConversionFailed, conversion_of
from studio.media.video.videos import UnreadableVideo, VideoFacts, sha256_of
from studio.models import FileKind, Render, Whole
from studio.models.content import VISIBLE
from studio.papers.give import Papered, give_papers
from studio.pipeline import states
from studio.pipeline.long.settle import settle_whole
from studio.storage import ledger

LEASE = timedelta(seconds=180)  # renewed while a part is copied, and while they are joined and converted
MAX_DRIFT_MS = 250  # of a conversion; what we join ourselves is as long as the voice, to the frame


class JoinFailed(Exception):
    """This try is no good; another may be."""


def join_parts(work: Whole) -> bool:
    """Join them, store the file and settle the whole. False if somebody else was first."""
    with temporary_folder("join-") as folder:
        try:
            made, papers, seams = _joined(work, folder)
        except (UnreadableVideo, ConversionFailed) as error:
            raise JoinFailed(str(error)) from error
        captions.prepare(work.render, made["measured_ms"])
        return settle_whole(work, seams=seams, papers=papers, **made)


def _joined(work: Whole, folder: Path) -> tuple[dict[str, Any], Papered, list[dict[str, Any]]]:
    """The columns of the stored file, its papers, and what was found at its seams."""
    whole, renew = work.render, work.renewing(LEASE, _taken_over)
    parts = list(whole.parts.select_related("render"))
    files = [_fetched(part.render.video, folder / f"part{part.number}.mp4", renew) for part in parts]
    voice = _fetched(whole.sound.file, folder / f"voice{Path(whole.sound.file.name or '').suffix}", renew)
    path = folder / "joined.mp4"
    stretches = [(part.begin, part.end) for part in parts]
    seams = judge.join(files, stretches, voice, path, owner=whole.workspace_id, progress=renew)
    for file in files:
        file.unlink()
    path, facts, picture = _as_asked_for(whole, path, renew)
    papers = give_papers(whole, path, steps=[f"Joined from {len(parts)} parts."])
    return _stored(papers, facts, picture), papers, seams


def _fetched(file: Any, target: Path, renew: Callable[[object], None]) -> Path:
    with default_storage.open(file.name, "rb") as stored, target.open("wb") as copy:
        shutil.copyfileobj(stored, copy, 1 << 20)
    renew(target)
    return target


def _as_asked_for(whole: Render, joined: Path, renew: Callable[[object], None]) -> tuple[Path, VideoFacts, bytes]:
    probe = judge.video(joined, owner=whole.workspace_id)
    facts = probe.facts(joined.stat().st_size, sha256_of(joined))
    # Its quality is that of its parts, which are as asked for.
    conversion = conversion_of(
        joined,
        facts,
        output_format=whole.options.get("output_format", "mp4"),
        output_quality=95,
        has_quality=True,
        labels=whole.options.get("visible_label") == VISIBLE,
    )
    if conversion is None:
        return joined, facts, probe.poster
    path = joined.with_name(f"converted.{conversion.output_format}")
    judge.convert(joined, path, conversion, owner=whole.workspace_id, progress=renew)
    again = judge.video(path, owner=whole.workspace_id)
    converted = again.facts(path.stat().st_size, sha256_of(path))
    if not converted.has_audio or abs(converted.duration_ms - facts.duration_ms) > MAX_DRIFT_MS:
        raise ConversionFailed(f"The conversion made {converted.duration_ms} ms of {facts.duration_ms} ms.")
    states.note(whole, "converted by us", detail={"conversion": conversion.sentence})
    return path, converted, again.poster


def _stored(papers: Papered, facts: VideoFacts, picture: bytes) -> dict[str, Any]:
    # The names derive from the render's id and the file, so a repeat writes over nothing that another try has made.
    whole, path = papers.render, papers.path
    base = f"w/{whole.workspace_id}/renders/{whole.pk}"
    name = papers.name(f"{base}/video", path.suffix.removeprefix("."))
    papers.store_beside(name)
    with path.open("rb") as video:
        ledger.store(whole.workspace, name, File(video, path.name), FileKind.VIDEO)
    poster = ledger.store(whole.workspace, f"{base}/poster.jpg", ContentFile(picture), FileKind.POSTER)
    return {
        "video": name,
        "poster": poster,
        "video_bytes": path.stat().st_size,
        "video_sha256": papers.sha256,
        "measured_ms": facts.duration_ms,
        "width": facts.width,
        "height": facts.height,
    }


def _taken_over() -> JoinFailed:
    return JoinFailed("Somebody else has taken the joining over.")
