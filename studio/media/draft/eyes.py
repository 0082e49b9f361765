"""Blinks: a lid of the skin around each eye comes down over it."""

from __future__ import annotations

import cv2
import numpy as np

from studio.media.draft.arrays import Bytes, Floats
from studio.media.draft.face import Face
from studio.media.draft.planes import Box, Planes, even_box, to_planes

# In face coordinates: half an eye's width, and its lids above and below the pupil.
HALF_WIDTH, UPPER_LID, LOWER_LID = 0.235, 0.085, 0.080
CLOSING = (0.0, 0.3, 0.6, 0.85, 1.0)


class EyeTable:
    """Both eyes in every phase of a blink; ``boxes`` are their places in the picture."""

    def __init__(self, picture: Bytes, face: Face) -> None:
        self.boxes = [_reach(face, side, picture.shape) for side in (-0.5, 0.5)]
        self._phases = [
            [to_planes(_closed(picture, face, side, box, closing)) for closing in CLOSING]
            for side, box in zip((-0.5, 0.5), self.boxes, strict=True)
        ]

    def shapes(self, closing: float) -> list[Planes]:
        """One patch for each of ``boxes``, the eyes closed by 0 to 1."""
        phase = round(closing * (len(CLOSING) - 1))
        return [phases[phase] for phases in self._phases]


def _reach(face: Face, side: float, shape: tuple[int, ...]) -> Box:
    us = np.array([-1, 1, -1, 1], np.float32) * np.float32(HALF_WIDTH * 1.4) + np.float32(side)
    xs, ys = face.to_picture(us, np.array([-0.24, -0.24, 0.2, 0.2], np.float32))
    return even_box(float(xs.min()), float(ys.min()), float(xs.max()), float(ys.max()), shape)


def _closed(picture: Bytes, face: Face, side: float, box: Box, closing: float) -> Bytes:
    us, vs = face.to_face(*(np.ascontiguousarray(a) for a in np.broadcast_arrays(*box.grid())))
    s = (us - np.float32(side)) / np.float32(HALF_WIDTH)
    hump = np.clip(1 - s * s, 0, None)
    lid, floor = -UPPER_LID * hump, LOWER_LID * hump
    edge = lid + np.float32(closing) * (floor - lid)
    skin = _lid_skin(picture, face, us, vs, (lid, floor))
    eye = picture[box.top : box.bottom, box.left : box.right].astype(np.float32)
    soft = np.float32(max(0.016, 1.0 / face.span))
    corner = np.clip((1 - np.abs(s)) / 0.12, 0, 1)
    cover = np.clip((edge - vs) / soft + 0.5, 0, 1) * np.clip((vs - lid) / (2 * soft) + 1, 0, 1) * corner
    lash = np.exp(-(((vs - edge) / np.float32(max(0.014, 0.75 / face.span))) ** 2)) * hump**0.5
    drawn = eye + (skin - eye) * (cover * np.float32(min(closing * 4, 1)))[:, :, None]
    drawn *= 1 - np.float32(0.55 * closing) * lash[:, :, None]
    return np.asarray(np.clip(np.rint(drawn), 0, 255), np.uint8)


def _lid_skin(picture: Bytes, face: Face, us: Floats, vs: Floats, lids: tuple[Floats, Floats]) -> Floats:
    """A smooth lid between the skin right above the eye and the skin below it. Moving the real lid moves the brow."""
    lid, floor = lids
    spread = max(0.05 * face.span, 0.6)
    over, under = (
        cv2.GaussianBlur(_sample(picture, face, us, vs_of), (0, 0), spread) for vs_of in (lid - 0.025, floor + 0.08)
    )
    down = np.clip((vs - lid) / np.maximum(floor - lid, 0.02), 0, 1)
    share = (0.5 + 0.5 * down)[:, :, None]
    # The eyeball underneath catches the light in its middle.
    round_ = 0.91 + 0.08 * np.sin(np.float32(np.pi) * down)
    return (over * (1 - share) + under * share) * round_[:, :, None]


def _sample(picture: Bytes, face: Face, us: Floats, vs: Floats) -> Floats:
    xs, ys = face.to_picture(us, vs)
    return cv2.remap(picture, xs, ys, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)


def blink_track(frames: int, fps: int, seed: int) -> Floats:
    """How closed the eyes are in each frame: a blink every two to six seconds, now and then a double one."""
    dice = np.random.default_rng(seed)
    closing = np.zeros(frames, np.float32)
    one = np.array([0.6, 1.0, 0.85, 0.3], np.float32)
    at = int(dice.uniform(1.0, 2.5) * fps)
    while at < frames:
        part = one[: frames - at]
        closing[at : at + len(part)] = np.maximum(closing[at : at + len(part)], part)
        double = dice.random() < 0.12
        at += len(one) + 2 if double else int(dice.uniform(2.0, 6.0) * fps)
    return closing
