"""Preview of a video as a GIF: its first seconds, small and without sound, for places that play no video."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
from av.error import FFmpegError
from av.video.reformatter import Interpolation
from PIL import Image

from studio.media.video.transcode import ConversionFailed
from studio.media.video.videos import opened, picture_of

MAX_SECONDS = 6.0
RATE = 10  # pictures a second
SIDES = (400, 280, 200)  # the longest side: the first at which the file is small enough
MAX_BYTES = 4_000_000
COLOURS = 255


def write_preview(source: Path, target: Path) -> None:
    """Raises ConversionFailed."""
    try:
        for side in SIDES:
            _write(list(_pictures(source, side)), target)
            if target.stat().st_size <= MAX_BYTES:
                return
    except MemoryError:
        target.unlink(missing_ok=True)
        raise
    except (FFmpegError, ValueError) as error:
        target.unlink(missing_ok=True)
        raise ConversionFailed(f"No preview could be made: {error}") from error


def _pictures(source: Path, side: int) -> Iterator[Image.Image]:
    with opened(source) as container:
        stream = picture_of(container)
        stream.thread_type = "AUTO"
        due = 0.0
        for frame in container.decode(stream):
            if (frame.time or 0.0) >= MAX_SECONDS:
                return
            if (frame.time or 0.0) + 1e-6 < due:
                continue
            due += 1 / RATE
            yield _small(frame, side)


def _small(frame: av.VideoFrame, side: int) -> Image.Image:
    share = min(1.0, side / max(frame.width, frame.height))
    width, height = (max(1, round(length * share)) for length in (frame.width, frame.height))
    small = frame.reformat(width=width, height=height, format="rgb24", interpolation=Interpolation.AREA)
    return Image.fromarray(small.to_ndarray())


def _write(pictures: list[Image.Image], target: Path) -> None:
    """All with the colours of the first, without dithering, so that what stands still takes no room."""
    if not pictures:
        raise ValueError("It has no picture.")
    palette = pictures[0].quantize(COLOURS)
    first, *rest = (picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures)
    first.save(target, "GIF", save_all=True, append_images=rest, duration=1000 // RATE, loop=0, optimize=False)
