"""The scene without a face: the picture draws nearer and back, and a level meter shows that the voice is heard."""

from __future__ import annotations

import cv2
import numpy as np

from studio.media.draft.arrays import Bytes, Floats
from studio.media.draft.planes import Fine, Planes, even_box, to_planes
from studio.media.draft.sound import FPS, Voice

ZOOM, ZOOM_SECONDS = 0.06, 18.0
ZOOM_EVERY = 2  # frames: at its fastest the picture's edge moves by a sixth of a pixel in one
BARS = 23  # the middle one is now; the others follow outwards
PANEL_WIDTH, PANEL_HEIGHT, PANEL_BOTTOM = 0.46, 0.11, 0.06  # of the picture's shorter side
PANEL_SHADE, BAR_SHADE = 0.45, 0.95
BLACK, WHITE = 16.0, 235.0


class Meter:
    def __init__(self, picture: Bytes, voice: Voice) -> None:
        self._voice = voice
        planes = to_planes(picture)
        self._still, self._zoomed = Fine(planes), planes.copy()
        height, width = picture.shape[:2]
        short = min(height, width)
        half, tall = short * PANEL_WIDTH / 2, short * PANEL_HEIGHT
        bottom = height - short * PANEL_BOTTOM
        self._box = even_box(width / 2 - half, bottom - tall, width / 2 + half, bottom, picture.shape)
        self._panel = rounded(self._box.width, self._box.height, self._box.height / 2) * np.float32(PANEL_SHADE)
        # How far every pixel of the panel is from its bar's middle line, in bars, and which bar that is.
        across = (np.arange(self._box.width, dtype=np.float32) + 0.5) / self._box.width
        spread = (across - 0.5) * (BARS + 4)
        self._bar = np.clip(np.rint(spread), -(BARS // 2), BARS // 2).astype(np.intp)
        self._aside = np.abs(spread - self._bar) * self._box.width / (BARS + 4)

    def expect(self, frame: int) -> None:
        """Nothing takes long."""

    def draw(self, frame: int, onto: Planes) -> None:
        if frame % ZOOM_EVERY == 0:
            self._zoom(frame)
        onto.copy_from(self._zoomed)
        part = onto.part(self._box)
        bars = self._bars(frame) * np.float32(BAR_SHADE)
        blend(part.y, BLACK, self._panel)
        blend(part.y, WHITE, bars)
        cover = half_size(1 - (1 - self._panel) * (1 - bars))
        blend(part.u, 128.0, cover)
        blend(part.v, 128.0, cover)

    def _zoom(self, frame: int) -> None:
        phase = 2 * np.pi * frame / (ZOOM_SECONDS * FPS)
        nearer = 1 + ZOOM * (1 - float(np.cos(phase))) / 2
        still, onto = self._still, self._zoomed
        for source, goal in ((still.y, onto.y), (still.u, onto.u), (still.v, onto.v)):
            height, width = goal.shape
            # Pixels are counted from their middles, and the source may be finer than the frame.
            fine = source.shape[0] / height
            step = fine / nearer
            x, y = (side * fine / 2 - (side / 2) * step + step / 2 - 0.5 for side in (width, height))
            matrix = np.array([[step, 0, x], [0, step, y]])
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            cv2.warpAffine(source, matrix, (width, height), dst=goal, flags=flags, borderMode=cv2.BORDER_REPLICATE)

    def _bars(self, frame: int) -> Floats:
        """How much of each pixel is bar, 0 to 1."""
        ages = np.arange(BARS // 2 + 1)
        levels = np.where(frame >= ages, self._voice.level[np.maximum(frame - ages, 0)], 0)
        levels = levels * np.linspace(1, 0.45, len(levels), dtype=np.float32)
        width, height = self._box.width / (BARS + 4) * 0.62, self._box.height
        tall = np.maximum(levels * height * 0.36, width / 2)[np.abs(self._bar)]
        up = np.abs(np.arange(height, dtype=np.float32) + 0.5 - height / 2)[:, None]
        # A bar is a line with round ends: what counts is the distance from that line.
        distance = np.hypot(self._aside[None, :], np.clip(up - np.maximum(tall - width / 2, 0)[None, :], 0, None))
        return np.asarray(np.clip(width / 2 - distance + 0.5, 0, 1), np.float32)


def rounded(width: int, height: int, radius: float) -> Floats:
    """A rectangle with round corners that fills its frame, 0 to 1 with soft edges."""
    x = np.abs(np.arange(width, dtype=np.float32) + 0.5 - width / 2)[None, :] - (width / 2 - radius)
    y = np.abs(np.arange(height, dtype=np.float32) + 0.5 - height / 2)[:, None] - (height / 2 - radius)
    distance = np.hypot(np.clip(x, 0, None), np.clip(y, 0, None)) - np.float32(radius)
    return np.asarray(np.clip(0.5 - distance, 0, 1), np.float32)


def half_size(share: Floats) -> Floats:
    height, width = share.shape
    return np.asarray(cv2.resize(share, (width // 2, height // 2), interpolation=cv2.INTER_AREA), np.float32)


def blend(plane: Bytes, value: float, share: Floats) -> None:
    """Draw one value over a plane, by 0 to 1 of it at each pixel."""
    seen = plane.astype(np.float32)
    plane[:] = np.rint(seen + (np.float32(value) - seen) * share).astype(np.uint8)
