"""Where the lips part: the line between closed lips, or the two edges of an open mouth.

Nothing here is learnt from data: lips meet in a dark level line about one eye distance below the eyes, and what shows
between them is teeth (bright, hardly coloured) or a cavity (dark).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from studio.media.draft.arrays import Bytes, Floats
from studio.media.draft.face import Face

GRAIN = 100  # pixels of the examined patch per eye distance
LEFT, TOP, WIDTH, HEIGHT = -0.8, 0.45, 1.6, 1.2  # of the patch, in face coordinates
USUAL_LINE, USUAL_HALF_WIDTH = 1.10, 0.42
NARROWEST, WIDEST = 0.33, 0.54
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Lips:
    """The inner edges of the lips in face coordinates, two parabolas that meet in the corners.

    ``upper`` and ``lower`` say how far the middle of each edge hangs below the line through the corners: both negative
    in a sulk, both positive in a smile, equal when the mouth is closed.
    """

    u: float
    corner_v: float
    half_width: float
    upper: float
    lower: float

    @property
    def gap(self) -> float:
        return self.lower - self.upper


@dataclass(frozen=True, slots=True)
class _Patch:
    light: Floats
    chroma: Floats
    skin_light: float
    skin_chroma: float


def measure_lips(picture: Bytes, face: Face) -> Lips:
    patch = _patch(picture, face)
    line = _parting_line(patch)
    return _open_mouth(patch, line) or line


def _axes() -> tuple[Floats, Floats]:
    us = LEFT + (np.arange(round(WIDTH * GRAIN), dtype=np.float32) + 0.5) / GRAIN
    vs = TOP + (np.arange(round(HEIGHT * GRAIN), dtype=np.float32) + 0.5) / GRAIN
    return us, vs


def _patch(picture: Bytes, face: Face) -> _Patch:
    us, vs = _axes()
    xs, ys = face.to_picture(*np.meshgrid(us, vs))
    upright = cv2.remap(picture, xs, ys, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    lab = np.asarray(cv2.cvtColor(upright.astype(np.float32) / 255, cv2.COLOR_BGR2LAB), np.float32)
    light, chroma = lab[:, :, 0], np.hypot(lab[:, :, 1], lab[:, :, 2])
    cheeks = (np.abs(us)[None, :] > 0.30) & (np.abs(us)[None, :] < 0.55) & (vs[:, None] < 0.75)
    return _Patch(light, chroma, float(np.median(light[cheeks])), float(np.median(chroma[cheeks])))


def _parting_line(patch: _Patch) -> Lips:
    """The dark level line nearest to where mouths are, followed from column to column."""
    us, vs = _axes()
    wide = cv2.GaussianBlur(patch.light, (0, 0), sigmaX=6, sigmaY=9)
    valley = np.clip(wide - cv2.GaussianBlur(patch.light, (0, 0), sigmaX=6, sigmaY=2), 0, None)
    merit = valley * np.exp(-(((vs[:, None] - USUAL_LINE) / 0.14) ** 2) / 2)
    columns = np.flatnonzero(np.abs(us) <= WIDEST)
    path = _smooth_path(merit[:, columns])
    strength = merit[path, columns]
    middle = np.abs(us[columns]) < 0.25
    typical = float(np.median(strength[middle]))
    if typical < 0.012 * patch.skin_light:
        return Lips(0.0, USUAL_LINE, USUAL_HALF_WIDTH, 0.0, 0.0)
    left, right = _extent(strength > 0.4 * typical)
    ends = us[columns[[left, right]]]
    half = float(np.clip((ends[1] - ends[0]) / 2, NARROWEST, WIDEST))
    u = float(np.clip(ends.mean(), -0.12, 0.12))
    inside = slice(left, right + 1)
    corner, sag = _parabola((us[columns[inside]] - u) / half, vs[path[inside]], strength[inside])
    sag = float(np.clip(sag, -0.12, 0.16))
    return Lips(u, corner, half, sag, sag)


def _smooth_path(merit: Floats) -> NDArray[np.intp]:
    """The row of each column on the best way from left to right that climbs at most one row a column."""
    total = merit.copy()
    for column in range(1, merit.shape[1]):
        before = np.pad(total[:, column - 1], 1, constant_values=-1.0)
        total[:, column] += np.max([before[:-2], before[1:-1], before[2:]], axis=0)
    rows = np.empty(merit.shape[1], dtype=np.intp)
    rows[-1] = int(np.argmax(total[:, -1]))
    for column in range(merit.shape[1] - 2, -1, -1):
        low = max(rows[column + 1] - 1, 0)
        rows[column] = low + int(np.argmax(total[low : rows[column + 1] + 2, column]))
    return rows


def _extent(strong: Mask) -> tuple[int, int]:
    """The ends of the run around the middle; a mouth's line may be broken for a few columns, not longer."""
    middle, patience = len(strong) // 2, 5
    ends = []
    for step in (-1, 1):
        last, at = middle, middle
        while 0 <= at < len(strong) and abs(at - last) <= patience:
            last = at if strong[at] else last
            at += step
        ends.append(last)
    return ends[0], ends[1]


def _parabola(t: Floats, v: Floats, weight: Floats) -> tuple[float, float]:
    """(height in the corners, sag of the middle) of the parabola through ``v``."""
    system = np.stack([np.ones_like(t), 1 - t**2], axis=1) * weight[:, None]
    (corner, sag), *_ = np.linalg.lstsq(system, v * weight, rcond=None)
    return float(corner), float(sag)


def _open_mouth(patch: _Patch, line: Lips) -> Lips | None:
    """The two edges when teeth or a cavity show between the lips, else None."""
    us, vs = _axes()
    below = vs[:, None] - line.corner_v - line.upper
    near = (below > -0.22) & (below < 0.42) & (np.abs(us[None, :] - line.u) < WIDEST)
    if patch.skin_chroma < 8:
        # A grey picture: teeth have no colour less than skin, but they are the brightest thing below the nose.
        teeth = near & (below > -0.02) & (patch.light > 1.12 * float(np.median(patch.light[near])))
    else:
        teeth = near & (patch.chroma < 0.55 * patch.skin_chroma) & (patch.light > 0.85 * patch.skin_light)
    cavity = near & (patch.light < 0.30 * patch.skin_light)
    chin = patch.light[vs > 1.5][:, np.abs(us) < 0.3]
    bearded = float(np.median(chin)) < 0.5 * patch.skin_light
    inside = _closed(teeth | cavity)
    count, labels, stats, centres = cv2.connectedComponentsWithStats(inside.astype(np.uint8), connectivity=4)
    found = [
        n
        for n in range(1, count)
        if _looks_like_a_mouth(stats[n], centres[n], line)
        and (int((teeth & (labels == n)).sum()) > 0.2 * stats[n][cv2.CC_STAT_AREA] or not bearded)
    ]
    if not found:
        return None
    largest = max(found, key=lambda n: int(stats[n][cv2.CC_STAT_AREA]))
    return _fit_edges(labels == largest, line)


def _closed(mask: Mask) -> Mask:
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 7))
    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, ellipse)
    return np.asarray(cv2.morphologyEx(opened, cv2.MORPH_OPEN, np.ones((3, 5), np.uint8)) > 0)


def _looks_like_a_mouth(stats: NDArray[np.int32], centre: NDArray[np.float64], line: Lips) -> bool:
    width, height, area = (int(stats[n]) for n in (cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT, cv2.CC_STAT_AREA))
    thickness = area / max(width, 1)
    return (
        0.35 * GRAIN <= width <= 1.15 * GRAIN
        and 0.06 * GRAIN <= thickness <= 0.40 * GRAIN
        and height < 0.55 * GRAIN
        and abs(LEFT + float(centre[0]) / GRAIN) < 0.2
        and TOP + int(stats[cv2.CC_STAT_TOP]) / GRAIN < line.corner_v + line.upper + 0.12
    )


def _fit_edges(mask: Mask, line: Lips) -> Lips:
    us, vs = _axes()
    columns = np.flatnonzero(mask.any(axis=0))
    tops = vs[mask[:, columns].argmax(axis=0)]
    bottoms = vs[len(vs) - 1 - mask[::-1, columns].argmax(axis=0)]
    u = float(us[columns[[0, -1]]].mean())
    half = float(us[columns[-1]] - us[columns[0]]) / 2 + 0.03
    # Teeth end before the corners do; the dark line goes all the way, if it is the same mouth's.
    same = abs(line.corner_v + line.upper - float(tops.min())) < 0.12
    if same:
        half, u = max(half, 0.3 * half + 0.7 * line.half_width), (u + line.u) / 2
    half = float(np.clip(half, NARROWEST, WIDEST))
    t = (us[columns] - u) / half
    hump, none, one = 1 - t**2, np.zeros_like(t), np.ones_like(t)
    rows = np.concatenate([np.stack([one, hump, none], axis=1), np.stack([one, none, hump], axis=1)])
    seen = np.concatenate([tops, bottoms])
    if same:
        trust = np.float32(0.5 * len(columns) ** 0.5)
        rows, seen = np.vstack([rows, [trust, 0, 0]]), np.append(seen, trust * line.corner_v)
    (corner, upper, lower), *_ = np.linalg.lstsq(rows, seen, rcond=None)
    return Lips(u, float(corner), half, float(upper), float(max(lower, upper)))
