"""The head's small movements: it drifts, nods with the voice, and takes the neck along; the room stands still."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from studio.media.draft.arrays import Bytes, Floats, ease
from studio.media.draft.face import Face
from studio.media.draft.planes import Box, Fine, Planes, even_box
from studio.media.draft.sound import FPS

# In eye distances (radians for the roll): enough to look alive, too little to look at.
DRIFT_X, DRIFT_Y, ROLL, GROWTH = 0.030, 0.020, 0.016, 0.008
NOD, BROW_LIFT = 0.050, 0.035
NECK = 2.3  # the head turns about this point below the eyes
CELL = 8  # pixels per value of the coarse field; movement is smooth, so this loses nothing


@dataclass(frozen=True, slots=True)
class Pose:
    """One row for each frame: to the right, down, roll, growth, brows up. In eye distances and radians."""

    rows: Floats

    @classmethod
    def of_voice(cls, mood: Floats, seed: int) -> Pose:
        dice = np.random.default_rng(seed)
        frames = len(mood)
        seconds = np.arange(frames, dtype=np.float32) / FPS
        drift = [_wander(seconds, dice) for _ in range(4)]
        # Stress shows where the voice rises above its own course.
        stress = np.clip(mood - _slow(mood), -0.5, 1)
        rows = np.stack(
            [
                DRIFT_X * drift[0],
                DRIFT_Y * drift[1] + NOD * stress,
                ROLL * drift[2],
                GROWTH * drift[3],
                BROW_LIFT * np.clip(3 * stress, 0, 1),
            ],
            axis=1,
        ).astype(np.float32)
        # A video starts and ends on the portrait as it is.
        ramp = np.minimum(np.minimum(seconds, seconds[::-1]) / 0.6, 1)
        return cls(rows * (ramp * ramp * (3 - 2 * ramp))[:, None])


def _wander(seconds: Floats, dice: np.random.Generator) -> Floats:
    """A slow movement between about -1 and 1 that does not repeat itself to the eye."""
    total = np.zeros_like(seconds)
    for period, part in ((7.3, 0.5), (4.1, 0.35), (2.6, 0.15)):
        pace = np.float32(2 * np.pi / (period * dice.uniform(0.85, 1.15)))
        total += np.float32(part) * np.sin(pace * seconds + np.float32(dice.uniform(0, 2 * np.pi)))
    return total


def _slow(track: Floats) -> Floats:
    at, slow = float(track[0]), []
    for value in track.tolist():
        at += (value - at) * 0.03
        slow.append(at)
    return np.array(slow, np.float32)


class Sway:
    """Moves everything that belongs to the head within ``box``, by less the further from the face it is."""

    def __init__(self, face: Face, pose: Pose, shape: tuple[int, ...]) -> None:
        self._face, self._pose = face, pose
        self.box = _reach(face, shape)
        self._xs, self._ys = _coarse_grid(self.box)
        self._us, self._vs = face.to_face(self._xs, self._ys)
        self._fine = _Upscaler(CELL, self.box.width, self.box.height, self._xs.shape)
        self._half = _Upscaler(CELL // 2, self.box.width // 2, self.box.height // 2, self._xs.shape)
        self._weight = _belongs(self._us, self._vs) * _away_from_border(self._xs, self._ys, shape)
        side = np.exp(-((np.abs(self._us) - 0.5) ** 2) / (2 * 0.28**2))
        self._brows = (side * np.exp(-((self._vs + 0.33) ** 2) / (2 * 0.11**2))).astype(np.float32)

    def move(self, still: Fine, moved: Planes, frame: int) -> None:
        """Draw ``still`` into the ``box`` of ``moved``, a whole frame, as the head stands in this frame."""
        sources = self._sources(frame)
        target = moved.part(self.box)
        # Pixels are counted from their middles, in the doubled plane and in the halved ones too.
        _look_up(still.y, self._fine.maps([a * 2 + 0.5 for a in sources]), target.y)
        maps = self._half.maps([a * 0.5 - 0.25 for a in sources])
        _look_up(still.u, maps, target.u)
        _look_up(still.v, maps, target.v)

    def _sources(self, frame: int) -> tuple[Floats, Floats]:
        """For each point of the coarse grid, the point of the still picture that is seen there."""
        right, down, roll, growth, brows = (np.float32(part) for part in self._pose.rows[frame])
        below = self._vs - np.float32(NECK)
        du = right - roll * below + growth * self._us
        dv = down + roll * self._us + growth * below
        us = self._us - self._weight * du
        vs = self._vs - self._weight * dv + self._brows * self._weight * brows
        return self._face.to_picture(us, vs)


class _Upscaler:
    """Coarse coordinates to one for each pixel, in memory that is used again: fresh pages cost more than the sums."""

    def __init__(self, cell: int, width: int, height: int, grid: tuple[int, ...]) -> None:
        self._inner = slice(cell, cell + height), slice(cell, cell + width)
        self._size = (grid[1] * cell, grid[0] * cell)
        self._kept = [np.empty((self._size[1], self._size[0]), np.float32) for _ in range(2)]

    def maps(self, coarse: list[Floats]) -> list[Floats]:
        for values, kept in zip(coarse, self._kept, strict=True):
            cv2.resize(values, self._size, dst=kept, interpolation=cv2.INTER_LINEAR)
        return [kept[self._inner] for kept in self._kept]


def _look_up(source: Bytes, maps: list[Floats], target: Bytes) -> None:
    cv2.remap(source, maps[0], maps[1], cv2.INTER_LINEAR, dst=target, borderMode=cv2.BORDER_REPLICATE)


def _cells(length: int) -> int:
    return -(-length // CELL) + 2


def _coarse_grid(box: Box) -> tuple[Floats, Floats]:
    """The middles of the cells, in pixels of the picture."""
    xs = box.left + (np.arange(_cells(box.width), dtype=np.float32) - 0.5) * CELL - 0.5
    ys = box.top + (np.arange(_cells(box.height), dtype=np.float32) - 0.5) * CELL - 0.5
    wide, high = np.meshgrid(xs, ys)
    return wide, high


def _reach(face: Face, shape: tuple[int, ...]) -> Box:
    us = np.array([-2.5, 2.5, -2.5, 2.5], np.float32)
    xs, ys = face.to_picture(us, np.array([-2.6, -2.6, 4.4, 4.4], np.float32))
    return even_box(float(xs.min()), float(ys.min()), float(xs.max()), float(ys.max()), shape)


def _belongs(us: Floats, vs: Floats) -> Floats:
    """1 on the head, falling to nothing in the air around it and down the neck and shoulders."""
    distance = np.hypot(us / 1.25, np.where(vs < 0.4, (vs - 0.4) / 1.75, (vs - 0.4) / 2.0))
    return ease(np.clip((1.95 - distance) / 1.1, 0, 1)).astype(np.float32)


def _away_from_border(xs: Floats, ys: Floats, shape: tuple[int, ...]) -> Floats:
    """0 on the picture's edge, so that nothing from beyond it has to be made up."""
    height, width = shape[:2]
    near = np.minimum(np.minimum(xs, width - 1 - xs), np.minimum(ys, height - 1 - ys))
    return ease(np.clip(near / (0.06 * min(height, width)), 0, 1))
