"""Judgement of a portrait before it costs money: the face that shall talk, and what speaks against it.

Each limit stands between what was measured on good pictures and on spoiled ones, as in
``tests/studio/media/test_judgement.py``. Who is warned wrongly confirms once; who is not warned pays for a video
without a mouth.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np

from studio.media.portraits.cascades import PROFILE, Box, Bytes, agreed, boxes
from studio.media.portraits.findings import Code, Finding

SEARCH_SIDE = 560  # larger costs time and finds faces in curtains
NEAR_SIDE, FAR_SIDE = 320, 1120  # for a picture on its side, and for faces far away
MARGIN = 0.2  # of the shorter side, added around the picture: a face that is cut off is found as if it weren't
MIN_SHARE, MIN_FAR_SHARE = 0.05, 0.02  # of the shorter side: smaller faces are looked for only if there is no other
# Trust of both cascades together, below which a face may be a pattern; of what is less likely, more is asked.
SURE, SURE_BEYOND_DOUBT = 15.0, 30.0
PROFILE_TRUST = 5.0
BESIDE = 0.4  # of the larger face: a smaller one is a passer-by
TILTS = (-20.0, 20.0)  # degrees; the cascades give up beyond about 15
DARK_PICTURE, LIGHT = 110.0, 220.0  # brightest grey level of a picture that is lit for the search, and what it becomes

MIN_FACE_PIXELS, MIN_FACE_SHARE = 56, 0.08  # of the picture's shorter side
MAX_OVERHANG = 0.04  # of the face's side, beyond an edge
CHIN = 0.1  # the cascades' box ends above the chin
FACE_SIDE = 96  # what sharpness is measured at
MIN_SHARPNESS = 1.5  # variance of the Laplacian in percent of that of the face itself
MIN_HIGHLIGHT = 60.0  # grey level that a twentieth of the face is above: of bright skin and of dark skin, if it is lit

TALKS = "Choose a picture with one face that looks into the camera."


@dataclass(frozen=True, slots=True)
class Judgement:
    """``face`` is x, y, width and height in the picture, of the face that shall talk, or None."""

    face: tuple[int, int, int, int] | None
    warnings: tuple[Finding, ...]

    @property
    def details(self) -> dict[str, Any]:
        return {
            "face": list(self.face) if self.face else None,
            "warnings": [asdict(warning) for warning in self.warnings],
        }


def judge(pixels: Bytes) -> Judgement:
    """Of an RGB picture (rows, columns, 3)."""
    gray = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
    seen = _lit(gray)
    found = _searched(seen, SEARCH_SIDE)
    faces = _with_those_beside(found) or _tilted(seen)
    if not faces and _lies(seen):
        return _without(
            Code.NOT_UPRIGHT, "The face in the portrait does not stand upright.", "Turn the picture upright."
        )
    faces = faces or _sure(_searched(seen, FAR_SIDE, share=MIN_FAR_SHARE))[:1] or [box for box, _ in found[:1]]
    if not faces and _looks_away(seen):
        return _without(Code.TURNED_AWAY, "The face in the portrait is seen from the side.", TALKS)
    if not faces:
        return _without(Code.NO_FACE, "No face was found in the portrait, so no mouth may move.", TALKS)
    face = faces[0]
    warnings = [
        *_several(faces),
        *_small(face, min(gray.shape)),
        *_cut_off(face, gray.shape),
        *_blurred(_pixels(gray, face)),
        *_dark(_pixels(gray, face)),
    ]
    return Judgement(_within(face, gray.shape), tuple(warnings))


def _without(code: Code, message: str, remedy: str) -> Judgement:
    return Judgement(None, (Finding(code, message, remedy),))


# --- The search -------------------------------------------------------------------------------------------------------


def _lit(gray: Bytes) -> Bytes:
    """A dark picture brightened, so that a face is found in it before it is said to be too dark."""
    brightest = float(np.percentile(gray, 99))
    if brightest >= DARK_PICTURE:
        return gray
    return np.asarray(cv2.convertScaleAbs(gray, alpha=LIGHT / max(brightest, 8.0)), np.uint8)


def _with_those_beside(found: list[tuple[Box, float]]) -> list[Box]:
    """The largest sure face, and others that are about as large."""
    faces = _sure(found)[:1]
    others = [box for box in _sure(found, SURE_BEYOND_DOUBT) if box not in faces]
    return faces + [box for box in others if box.side >= BESIDE * faces[0].side]


def _tilted(gray: Bytes) -> list[Box]:
    """The face of a head that is held askew."""
    views = (_sure(_searched(gray, SEARCH_SIDE, tilt))[:1] for tilt in TILTS)
    return next((faces for faces in views if faces), [])


def _searched(gray: Bytes, side: int, tilt: float = 0.0, share: float = MIN_SHARE) -> list[tuple[Box, float]]:
    """Each face with the trust of both cascades, the largest first, in the picture's own pixels."""
    scale = min(1.0, side / max(gray.shape))
    small = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else gray
    pad = int(MARGIN * min(small.shape))
    wide = np.asarray(cv2.copyMakeBorder(small, pad, pad, pad, pad, cv2.BORDER_REPLICATE), np.uint8)
    turned, back = _turned(wide, tilt)
    found = []
    for box, other in agreed(turned, max(24, int(min(small.shape) * share))):
        x, y = back @ np.array([box.x + box.side / 2, box.y + box.side / 2, 1.0])
        left, top = (float(at) - box.side / 2 - pad for at in (x, y))
        found.append((Box(left / scale, top / scale, box.side / scale, box.trust), box.trust + other))
    return sorted(found, key=lambda each: each[0].side, reverse=True)


def _turned(gray: Bytes, degrees: float) -> tuple[Bytes, Any]:
    """The picture turned, and the way back for a point."""
    height, width = gray.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    turned = cv2.warpAffine(gray, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE) if degrees else gray
    return np.asarray(turned, np.uint8), cv2.invertAffineTransform(matrix)


def _sure(found: list[tuple[Box, float]], least: float = SURE) -> list[Box]:
    return [box for box, trust in found if trust >= least]


def _lies(gray: Bytes) -> bool:
    views = (np.ascontiguousarray(np.rot90(gray, turns)) for turns in (1, 2, 3))
    return any(_sure(_searched(view, NEAR_SIDE), SURE_BEYOND_DOUBT) for view in views)


def _looks_away(gray: Bytes) -> bool:
    """Whether there is a face from the side; the cascade knows those that look to the left."""
    scale = min(1.0, SEARCH_SIDE / max(gray.shape))
    small = np.asarray(cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    least = max(24, int(min(small.shape) * MIN_FACE_SHARE))
    both = (small, np.ascontiguousarray(small[:, ::-1]))
    return any(box.trust >= PROFILE_TRUST for view in both for box in boxes(view, PROFILE, least))


# --- What speaks against it -------------------------------------------------------------------------------------------


def _several(faces: list[Box]) -> list[Finding]:
    if len(faces) == 1:
        return []
    count = "two" if len(faces) == 2 else f"{len(faces)}"
    found = f"The portrait has {count} faces, and the wrong one may talk."
    return [Finding(Code.SEVERAL_FACES, found, "Crop it to one face, or choose another picture.")]


def _small(face: Box, shorter: int) -> list[Finding]:
    least = max(MIN_FACE_PIXELS, round(MIN_FACE_SHARE * shorter))
    if face.side >= least:
        return []
    found = f"The face is {face.side:.0f} pixels wide; lips can be read from about {least} in this picture."
    return [Finding(Code.SMALL_FACE, found, "Crop it closer to the face, or choose a larger picture of it.")]


def _cut_off(face: Box, shape: tuple[int, ...]) -> list[Finding]:
    height, width = shape[:2]
    chin = face.y + (1 + CHIN) * face.side
    beyond = max(-face.x, -face.y, face.x + face.side - width, chin - height)
    if beyond <= MAX_OVERHANG * face.side:
        return []
    return [
        Finding(Code.CUT_OFF, "The face is cut off at the picture’s edge.", "Choose a picture with the whole face.")
    ]


def _blurred(face: Bytes) -> list[Finding]:
    small = cv2.resize(face, (FACE_SIDE, FACE_SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    edges = cv2.Laplacian(small, cv2.CV_32F)[2:-2, 2:-2]
    if 100 * float(edges.var()) >= MIN_SHARPNESS * float(small.var()):
        return []
    return [Finding(Code.BLURRED, "The face is blurred.", "Choose a sharper picture, as it came from the camera.")]


def _dark(face: Bytes) -> list[Finding]:
    if float(np.percentile(face, 95)) >= MIN_HIGHLIGHT:
        return []
    return [Finding(Code.DARK, "The face is too dark to be seen well.", "Brighten the picture, or choose another.")]


def _within(face: Box, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """The box as far as it lies in the picture."""
    height, width = shape[:2]
    left, top = max(0, round(face.x)), max(0, round(face.y))
    right, bottom = min(width, round(face.x + face.side)), min(height, round(face.y + face.side))
    return left, top, right - left, bottom - top


def _pixels(gray: Bytes, face: Box) -> Bytes:
    x, y, across, down = _within(face, gray.shape)
    return gray[y : y + down, x : x + across]
