"""Find the one face that shall talk, with the cascades that OpenCV ships."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from studio.media.draft.arrays import Bytes, Floats
from studio.media.portraits.cascades import Box, agreed, cascade

# Detection works on a copy this long: larger only finds more patterns in cloth and leaves.
SEARCH_SIDE = 560
MIN_FACE_SHARE = 0.07  # of the shorter side: a smaller face is a passer-by
TILTS = (0.0, -20.0, 20.0)  # degrees; the cascades give up beyond about 15
EYE_SEARCH_WIDTH = 260
# Where the eyes are in a cascade's box when only the box is known.
USUAL_EYE_LINE, USUAL_EYE_GAP = 0.385, 0.42


@dataclass(frozen=True, slots=True)
class Face:
    """Where a face is, in pixels of the picture.

    The middle between the pupils, the distance between them, and the roll in radians (positive is clockwise). Face
    coordinates take that middle as origin and that distance as unit: u runs to the viewer's right, v down the face.
    """

    x: float
    y: float
    span: float
    roll: float
    eyes_found: bool

    def to_face(self, xs: Floats, ys: Floats) -> tuple[Floats, Floats]:
        cos, sin = np.float32(np.cos(self.roll) / self.span), np.float32(np.sin(self.roll) / self.span)
        dx, dy = xs - np.float32(self.x), ys - np.float32(self.y)
        return cos * dx + sin * dy, cos * dy - sin * dx

    def to_picture(self, us: Floats, vs: Floats) -> tuple[Floats, Floats]:
        cos, sin = np.float32(np.cos(self.roll) * self.span), np.float32(np.sin(self.roll) * self.span)
        return cos * us - sin * vs + np.float32(self.x), sin * us + cos * vs + np.float32(self.y)


def find_face(picture: Bytes) -> Face | None:
    """The largest face of a BGR picture that two cascades agree on, or None when there is none to be sure of.

    A missed face costs a plainer video; a mouth drawn on a curtain is embarrassing, so doubt means no.
    """
    gray = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    scale = min(1.0, SEARCH_SIDE / max(gray.shape))
    small = _resized(gray, scale) if scale < 1 else np.asarray(gray, np.uint8)
    for tilt in TILTS:
        turned, back = _turn(small, tilt)
        found = _upright_face(turned, needs_eyes=tilt != 0.0)
        if found:
            x, y = back @ np.array([found.x, found.y, 1.0])
            roll = found.roll + float(np.radians(tilt))
            return Face(float(x) / scale, float(y) / scale, found.span / scale, roll, found.eyes_found)
    return None


def _turn(gray: Bytes, degrees: float) -> tuple[Bytes, NDArray[np.float64]]:
    """The picture turned so that a head tilted by ``degrees`` stands upright, and the way back for a point."""
    height, width = gray.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    back = np.asarray(cv2.invertAffineTransform(matrix), np.float64)
    if not degrees:
        return gray, back
    turned = cv2.warpAffine(gray, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(turned, np.uint8), back


def _resized(gray: Any, scale: float) -> Bytes:
    quality = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(gray, None, fx=scale, fy=scale, interpolation=quality), np.uint8)


def _upright_face(gray: Bytes, *, needs_eyes: bool) -> Face | None:
    found = [box for box, _ in agreed(gray, max(24, int(min(gray.shape) * MIN_FACE_SHARE)))]
    for box in sorted(found, key=lambda box: box.side * min(box.trust, 12.0) ** 0.25, reverse=True):
        eyes = _find_eyes(gray, box)
        if eyes:
            return eyes
        if box.trust >= 10 and not needs_eyes:
            middle = box.x + box.side / 2
            return Face(middle, box.y + box.side * USUAL_EYE_LINE, box.side * USUAL_EYE_GAP, 0.0, eyes_found=False)
    return None


def _find_eyes(gray: Bytes, box: Box) -> Face | None:
    """The pair of eyes that looks most like one; both have to be seen."""
    top, left, side = int(box.y), int(box.x), int(box.side)
    crop = gray[max(top, 0) : top + int(side * 0.65), max(left, 0) : left + side]
    scale = EYE_SEARCH_WIDTH / side
    upper = _resized(crop, scale)
    centres = [
        (float(x + w / 2) / EYE_SEARCH_WIDTH, float(y + h / 2) / EYE_SEARCH_WIDTH)
        for name in ("eye", "eye_tree_eyeglasses")
        for x, y, w, h in cascade(name).detectMultiScale(upper, 1.06, 4, minSize=(26, 26), maxSize=(100, 100))
    ]
    pairs = [(_strangeness(a, b), a, b) for a, b in product(centres, centres) if a[0] < 0.5 < b[0]]
    if not pairs or min(pairs)[0] > 1.0:
        return None
    _, *seen = min(pairs)
    (ax, ay), (bx, by) = (_pupil(upper, eye) for eye in seen)
    x, y = max(left, 0) + (ax + bx) / 2 * side, max(top, 0) + (ay + by) / 2 * side
    span, roll = float(np.hypot(bx - ax, by - ay)) * side, float(np.arctan2(by - ay, bx - ax))
    return Face(x, y, span, roll, eyes_found=True)


def _strangeness(left: tuple[float, float], right: tuple[float, float]) -> float:
    """How far a pair is from where eyes usually are in a face's box; above 1 it is no pair."""
    gap, height = right[0] - left[0], (left[1] + right[1]) / 2
    middle, slope = (left[0] + right[0]) / 2, (right[1] - left[1]) / max(gap, 0.01)
    off = (
        (gap - USUAL_EYE_GAP) / 0.12,
        (height - USUAL_EYE_LINE) / 0.09,
        (middle - 0.5) / 0.10,
        slope / 0.30,
    )
    return float(max(abs(part) for part in off))


def _pupil(upper: Bytes, eye: tuple[float, float]) -> tuple[float, float]:
    """The dark spot near the middle of an eye's box: boxes hang off by some pixels, pupils do not."""
    reach = int(0.075 * EYE_SEARCH_WIDTH)
    cx, cy = (round(part * EYE_SEARCH_WIDTH) for part in eye)
    if not (reach <= cx < upper.shape[1] - reach and reach <= cy < upper.shape[0] - reach):
        return eye
    window = cv2.GaussianBlur(upper[cy - reach : cy + reach, cx - reach : cx + reach], (0, 0), 3.0).astype(np.float32)
    steps = np.arange(-reach, reach, dtype=np.float32)
    # An eyebrow is dark too, but it is further away.
    near = np.exp(-(steps[:, None] ** 2 + steps[None, :] ** 2) / (2 * (0.42 * reach) ** 2))
    weight = near * np.clip(np.percentile(window, 35) - window, 0, None)
    total = float(weight.sum())
    if total < 1e-3:
        return eye
    x, y = float((weight * steps[None, :]).sum()) / total, float((weight * steps[:, None]).sum()) / total
    return eye[0] + x / EYE_SEARCH_WIDTH, eye[1] + y / EYE_SEARCH_WIDTH
