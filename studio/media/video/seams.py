"""Seams between the parts of a long video: how much is seen of each, and a short cross-fade that hides it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from av.video.frame import VideoFrame

from studio.media.portraits.faces import Box, find_face

FADE_SECONDS = 0.2
MAX_SAME = 1.5  # of 255: what one encoder makes of one picture twice
FACE_SHARE = 0.75  # of the score; the rest is the whole picture
MAX_STRETCH = 0.02  # of the shape, which nobody sees
BLACK = (16, 128, 128)

Plane = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True, slots=True)
class Seam:
    """Between two parts. ``score`` is the mean difference of their pictures, the face above all: 0 for none, to 255."""

    at_ms: int
    frame: int
    score: float
    hidden: str  # "same picture" or "cross-fade"


@dataclass(frozen=True, slots=True)
class Size:
    width: int
    height: int


def fitted(frame: VideoFrame, size: Size) -> VideoFrame:
    """In the size and form of the whole; one of another shape stands on black."""
    if (frame.format.name, frame.width, frame.height) == ("yuv420p", size.width, size.height):
        return frame
    scale = min(size.width / frame.width, size.height / frame.height)
    width, height = (round(side * scale / 2) * 2 for side in (frame.width, frame.height))
    if width >= size.width * (1 - MAX_STRETCH) and height >= size.height * (1 - MAX_STRETCH):
        return frame.reformat(width=size.width, height=size.height, format="yuv420p")
    small = planes(frame.reformat(width=width, height=height, format="yuv420p"))
    made = []
    for number, (plane, black) in enumerate(zip(small, BLACK, strict=True)):
        share = 2 if number else 1
        whole = np.full((size.height // share, size.width // share), black, np.uint8)
        top, left = (whole.shape[0] - plane.shape[0]) // 2, (whole.shape[1] - plane.shape[1]) // 2
        whole[top : top + plane.shape[0], left : left + plane.shape[1]] = plane
        made.append(whole)
    return of_planes(made)


def blended(under: VideoFrame, over: VideoFrame, share: float) -> VideoFrame:
    """``over`` laid on ``under``, so much of it."""
    weight = round(share * 256)
    return of_planes(
        [
            ((below.astype(np.uint16) * (256 - weight) + above.astype(np.uint16) * weight + 128) >> 8).astype(np.uint8)
            for below, above in zip(planes(under), planes(over), strict=True)
        ]
    )


def score(last: VideoFrame, first: VideoFrame, face: Box | None) -> float:
    """As ``Seam.score``."""
    apart = np.abs(planes(last)[0].astype(np.int16) - planes(first)[0])
    whole = float(apart.mean())
    if face is None:
        return round(whole, 2)
    x, y, width, height = face
    return round(FACE_SHARE * float(apart[y : y + height, x : x + width].mean()) + (1 - FACE_SHARE) * whole, 2)


def face_in(frame: VideoFrame) -> Box | None:
    pixels: Plane = frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
    return find_face(pixels)


def planes(frame: VideoFrame) -> list[Plane]:
    found = []
    for plane in frame.planes:
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
        found.append(rows[:, : plane.width])
    return found


def of_planes(made: list[Plane]) -> VideoFrame:
    frame = VideoFrame(made[0].shape[1], made[0].shape[0], "yuv420p")
    for target, plane in zip(planes(frame), made, strict=True):
        target[:] = plane
    return frame
