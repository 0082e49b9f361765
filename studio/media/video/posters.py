"""Poster: the still picture that stands for a video until it is played."""

from __future__ import annotations

import io

from av import VideoFrame
from av.video.reformatter import Interpolation
from PIL import Image

MAX_SIDE = 960
MOMENT_SECONDS = 1.0  # the first frames may still be black, or the mouth not open yet
MAX_FRAMES = 240
JPEG_QUALITY = 85


class PosterPicker:
    """Is shown a video's first pictures and keeps the one a second in, or the last one of a shorter video."""

    def __init__(self) -> None:
        self.frame: VideoFrame | None = None
        self.is_content = False
        self._seen = 0

    def show(self, frame: VideoFrame) -> None:
        if not self.is_content:
            self.frame, self._seen = frame, self._seen + 1
            self.is_content = self._seen >= MAX_FRAMES or (frame.time or 0) >= MOMENT_SECONDS


def poster_of(frame: VideoFrame) -> bytes:
    """A JPEG, its longest side at most 960 pixels. It's scaled as it is decoded, before its colours are turned."""
    share = min(1.0, MAX_SIDE / max(frame.width, frame.height))
    width, height = (max(1, round(side * share)) for side in (frame.width, frame.height))
    small = frame.reformat(width=width, height=height, format="rgb24", interpolation=Interpolation.AREA)
    buffer = io.BytesIO()
    Image.fromarray(small.to_ndarray()).save(buffer, "JPEG", quality=JPEG_QUALITY, optimize=True, progressive=True)
    return buffer.getvalue()
