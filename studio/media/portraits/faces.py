"""Where the face is, by one of OpenCV's cascades: enough to frame a picture, and to follow a face in a video."""

from __future__ import annotations

from typing import Any

import numpy as np

# The cascade is asked at this size: bigger costs time and finds faces in curtains.
SEARCH_SIDE = 640
MIN_FACE = 0.12  # of the shorter side

Box = tuple[int, int, int, int]


def find_face(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> Box | None:
    """The largest face in an RGB picture (rows, columns, 3) as x, y, width, height in its pixels, or None."""
    # They take a quarter of a second to load, and only decoders need them.
    import cv2  # noqa: PLC0415

    from studio.media.portraits.cascades import EAGER, cascade  # noqa: PLC0415

    height, width = pixels.shape[:2]
    scale = min(1.0, SEARCH_SIDE / max(width, height))
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    grey = cv2.equalizeHist(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY))
    least = int(MIN_FACE * min(grey.shape))
    found = cascade(EAGER).detectMultiScale(grey, scaleFactor=1.1, minNeighbors=6, minSize=(least, least))
    if len(found) == 0:
        return None
    x, y, across, down = (int(side / scale) for side in max(found, key=lambda box: int(box[2]) * int(box[3])))
    return x, y, min(across, width - x), min(down, height - y)
