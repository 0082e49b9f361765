"""Pictures as the encoders want them: brightness in full, colour at half size (4:2:0), BT.709 in video range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from studio.media.draft.arrays import Bytes, Floats

# From BGR to Y'CbCr, with the offsets in the last column.
_KR, _KB = 0.2126, 0.0722
_LUMA = np.array([_KB, 1 - _KR - _KB, _KR])
_TO_YUV = np.vstack(
    [
        np.append(219 / 255 * _LUMA, 16),
        np.append(224 / 255 * (np.array([1, 0, 0]) - _LUMA) / (2 * (1 - _KB)), 128),
        np.append(224 / 255 * (np.array([0, 0, 1]) - _LUMA) / (2 * (1 - _KR)), 128),
    ]
).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Planes:
    """Three views on one frame's memory; ``u`` and ``v`` have half of ``y``'s sides."""

    y: Bytes
    u: Bytes
    v: Bytes

    def copy_from(self, other: Planes) -> None:
        np.copyto(self.y, other.y)
        np.copyto(self.u, other.u)
        np.copyto(self.v, other.v)

    def copy(self) -> Planes:
        return Planes(self.y.copy(), self.u.copy(), self.v.copy())

    def part(self, box: Box) -> Planes:
        half = (slice(box.top // 2, box.bottom // 2), slice(box.left // 2, box.right // 2))
        return Planes(self.y[box.top : box.bottom, box.left : box.right], self.u[half], self.v[half])


class Box(NamedTuple):
    """A rectangle in pixels; all four are even, so that it is whole in the half-size planes too."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    def grid(self) -> tuple[Floats, Floats]:
        """The x of each column as a row, and the y of each row as a column."""
        xs = np.arange(self.left, self.right, dtype=np.float32)[None, :]
        return xs, np.arange(self.top, self.bottom, dtype=np.float32)[:, None]


def even_box(left: float, top: float, right: float, bottom: float, shape: tuple[int, ...]) -> Box:
    """The smallest even box around these edges, inside a picture of this (height, width, …)."""
    height, width = shape[:2]
    return Box(
        max(int(left // 2) * 2, 0),
        max(int(top // 2) * 2, 0),
        min(-int(-right // 2) * 2, width),
        min(-int(-bottom // 2) * 2, height),
    )


def to_planes(picture: Bytes) -> Planes:
    """A BGR picture with even sides as planes."""
    yuv = cv2.transform(picture, _TO_YUV)
    height, width = yuv.shape[:2]
    half = cv2.resize(yuv, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    y, u, v = (cv2.extractChannel(plane, n) for n, plane in enumerate((yuv, half, half)))
    return Planes(np.asarray(y, np.uint8), np.asarray(u, np.uint8), np.asarray(v, np.uint8))


class Fine:
    """A still picture to take samples from between its pixels.

    Brightness is kept at twice the size, drawn with care once, so that a quick linear look-up finds what a slow cubic
    one would: movement by parts of a pixel must not make the picture breathe between sharp and soft.
    """

    def __init__(self, planes: Planes) -> None:
        self.y, self.u, self.v = _doubled(planes.y), planes.u.copy(), planes.v.copy()
        self._shown: dict[Box, Planes] = {}

    def replace(self, box: Box, patch: Planes) -> None:
        """Show ``patch``, which nobody may change any more, at ``box``."""
        if self._shown.get(box) is patch:
            return
        self._shown[box] = patch
        top, left = 2 * box.top, 2 * box.left
        goal = self.y[top : top + 2 * box.height, left : left + 2 * box.width]
        cv2.resize(patch.y, goal.shape[::-1], dst=goal, interpolation=cv2.INTER_CUBIC)
        half = (slice(box.top // 2, box.bottom // 2), slice(box.left // 2, box.right // 2))
        self.u[half], self.v[half] = patch.u, patch.v


def _doubled(plane: Bytes) -> Bytes:
    height, width = plane.shape
    return np.asarray(cv2.resize(plane, (2 * width, 2 * height), interpolation=cv2.INTER_CUBIC), np.uint8)
