"""Content check of a copy: its provider's finding where that has one, else ours."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from av.error import FFmpegError
from django.conf import settings

from studio.media import judge
from studio.media.sandbox import OverLimit
from studio.media.video.videos import UnreadableVideo
from studio.models import Render
from studio.models.content import ContentCheck
from studio.pipeline import states

logger = logging.getLogger(__name__)

US, PROVIDER = "us", "provider"
CHECKED, UNCHECKED = "content checked", "the content check could not be made"


def check_copy(render: Render, copy: Path, *, progress: Callable[[object], None]) -> dict[str, Any]:
    """What it adds to the columns of a copy. A check that can't be made is no fault of the video's, which goes on.

    ``progress`` is told as ``judge.content`` tells it, and what it raises ends the copy.
    """
    level = ContentCheck(render.options.get("content_check", ContentCheck.NONE))
    if level == ContentCheck.NONE:
        return {}
    if render.nsfw_content is not None:
        _note(render, CHECKED, level, by=PROVIDER, flagged=render.nsfw_content)
        return {}
    full, threshold = level == ContentCheck.FULL, settings.CONTENT_CHECK_THRESHOLD
    try:
        found = judge.content(copy, full=full, threshold=threshold, owner=render.workspace_id, progress=progress)
    except (OverLimit, UnreadableVideo, FFmpegError) as error:
        logger.warning("%s: its content could not be checked: %r", render.pk, error)
        _note(render, UNCHECKED, level, by=US, flagged=None)
        return {}
    more = {"score": found.score, "at_ms": found.at_ms, "frames": found.frames, "of_frames": found.of_frames}
    _note(render, CHECKED, level, by=US, flagged=found.flagged, **more)
    return {"nsfw_content": found.flagged}


def of_parts(findings: Iterable[bool | None]) -> bool | None:
    """Of a whole: marked if one of its parts is, and clean only if each is known to be."""
    found = set(findings)
    if True in found:
        return True
    return False if found == {False} else None


def _note(render: Render, reason: str, level: ContentCheck, **found: Any) -> None:
    states.note(render, reason, detail={"content_check": {"level": level.value, **found}})
