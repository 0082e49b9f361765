"""Captions burned in: a copy of a video with its captions in the picture, its sound as it was."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from av.video.frame import VideoFrame

from studio.media.captions.cues import Cue
from studio.media.captions.painter import Box, Overlay, Painter
from studio.media.portraits.faces import find_face
from studio.media.video.transcode import Conversion, container_of, transcode
from studio.media.video.videos import opened, picture_of

QUALITY = 95
LOOKED_AT = (0.05, 0.25, 0.5, 0.75, 0.95)  # of the length: a face moves
Plane = np.ndarray[Any, np.dtype[np.uint8]]


def burn(
    source: Path,
    target: Path,
    cues: Sequence[Cue],
    look: str,
    *,
    progress: Callable[[int], None] = lambda _frames: None,
) -> None:
    """Write the video with its captions, in the container that it has. Raises ConversionFailed."""
    size, faces = faces_in(source)
    painter = Painter([Cue(*cue) for cue in cues], look, size, faces)

    def draw(frame: VideoFrame, seconds: float) -> None:
        if overlay := painter.at(seconds * 1000):
            lay(overlay, frame)

    form = container_of(source)
    transcode(source, target, Conversion(form, form, QUALITY, encodes=True), progress=progress, draw=draw)


def faces_in(source: Path) -> tuple[tuple[int, int], list[Box]]:
    """The size of the picture, and where the face is at some moments."""
    faces: list[Box] = []
    with opened(source) as container:
        stream = picture_of(container)
        size = (stream.codec_context.width, stream.codec_context.height)
        for share in LOOKED_AT:
            container.seek(int((container.duration or 0) * share))
            frame = next(container.decode(stream), None)
            if frame and (found := find_face(frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False))):
                faces.append(Box(*found))
    return size, faces


def lay(overlay: Overlay, frame: VideoFrame) -> None:
    """Into the planes of a picture in yuv420p, whose colours have half its rows and columns."""
    frame.make_writable()
    red, green, blue, opacity = (overlay.pixels[..., place].astype(np.float32) for place in range(4))
    bright = 16 + 0.1826 * red + 0.6142 * green + 0.0620 * blue
    colours = (128 - 0.1006 * red - 0.3386 * green + 0.4392 * blue, 128 + 0.4392 * red - 0.3989 * green - 0.0403 * blue)
    _blend(_rows(frame, 0), overlay.x, overlay.y, bright, opacity / 255)
    halved = _halved(opacity / 255)
    for number, colour in enumerate(colours, 1):
        # Where nothing is drawn there is no colour either, which must not tint the edges.
        mixed = _halved(colour * opacity / 255) / np.maximum(halved, 1e-6)
        _blend(_rows(frame, number), overlay.x // 2, overlay.y // 2, mixed, halved)


def _rows(frame: VideoFrame, number: int) -> Plane:
    plane = frame.planes[number]
    rows: Plane = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width]


def _halved(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    rows, columns = values.shape
    halved: np.ndarray[Any, Any] = values.reshape(rows // 2, 2, columns // 2, 2).mean(axis=(1, 3))
    return halved


def _blend(plane: Plane, x: int, y: int, values: np.ndarray[Any, Any], share: np.ndarray[Any, Any]) -> None:
    rows, columns = values.shape
    under = plane[y : y + rows, x : x + columns]
    rows, columns = under.shape
    under[:] = np.rint(under + (values[:rows, :columns] - under) * share[:rows, :columns]).astype(np.uint8)
