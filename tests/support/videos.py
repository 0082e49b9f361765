"""A video measured as the pipeline measures it, without the sandbox around it."""

from __future__ import annotations

from pathlib import Path

from studio.media.video.videos import VideoFacts, probe_video, sha256_of


def measure_video(path: Path) -> VideoFacts:
    """Raises UnreadableVideo for anything that isn't a whole MP4, MOV or WebM video."""
    return probe_video(path).facts(path.stat().st_size, sha256_of(path))
