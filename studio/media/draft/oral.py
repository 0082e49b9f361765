"""What shows between the lips: the portrait's own teeth if it bares them, else teeth, tongue and dark, painted."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from studio.media.draft.arrays import Bytes, Floats
from studio.media.draft.face import Face
from studio.media.draft.lips import Lips
from studio.media.draft.planes import Box

DARK, TONGUE, ENAMEL = ((20.0, 16.0, 42.0), (62.0, 58.0, 116.0), (168.0, 188.0, 198.0))  # BGR in full light
BARED = 0.04  # a gap between the portrait's lips from which on its own teeth are taken
TOOTH_EDGE = 0.036  # how far the upper teeth stand below the closed lips
# Of half a mouth's width: where one tooth ends and the next begins.
TOOTH_BOUNDS = (0.0, 0.21, 0.39, 0.56, 0.72)

Window = tuple[slice, slice]


@dataclass(frozen=True, slots=True)
class Edges:
    """The inner edges of the lips at every pixel's column, before and after, with |t| = 1 in the corners."""

    t: Floats
    upper: Floats
    lower: Floats
    upper_before: Floats
    lower_before: Floats
    gap: float

    def part(self, near: Window) -> Edges:
        before = self.upper_before[near], self.lower_before[near]
        return Edges(self.t[near], self.upper[near], self.lower[near], *before, self.gap)


def without_teeth(picture: Bytes, face: Face, lips: Lips, box: Box) -> Bytes:
    """The picture with lip grown over the teeth, so that lips which close do not carry teeth along."""
    us, vs = face.to_face(*(np.ascontiguousarray(a) for a in np.broadcast_arrays(*box.grid())))
    t = (us - np.float32(lips.u)) / np.float32(lips.half_width)
    hump = 1 - t * t
    upper, lower = lips.corner_v + lips.upper * hump, lips.corner_v + lips.lower * hump
    margin = 0.035 + 1.0 / face.span
    hidden = (np.abs(t) < 1.02) & (vs > upper - margin) & (vs < lower + margin)
    grown = picture.copy()
    part = grown[box.top : box.bottom, box.left : box.right]
    part[:] = cv2.inpaint(part, hidden.astype(np.uint8), max(3.0, 0.05 * face.span), cv2.INPAINT_TELEA)
    return grown


class Cavity:
    """The inside of the mouth. The upper teeth belong to the skull and stay; the tongue goes with the jaw."""

    def __init__(self, picture: Bytes, face: Face, lips: Lips, box: Box) -> None:
        self._face, self._lips = face, lips
        self._picture = picture[box.top : box.bottom, box.left : box.right].astype(np.float32)
        self._dark, self._flesh, self._enamel = _palette(picture, face)
        self._bared = BARED < lips.gap < 0.24  # a wider mouth shows more than teeth
        if self._bared:
            self._enamel = self._own_enamel(box)

    def paint(self, near: Window, us: Floats, vs: Floats, edges: Edges) -> Floats:
        """BGR for the pixels of a window as if there were no lips; only what lies between them will be seen."""
        deep = np.clip((vs - edges.upper) / max(edges.gap, 0.02), 0, 1)
        dark = self._dark * (0.75 + 0.5 * deep)[:, :, None]
        painted = _over(dark, self._flesh, self._tongue(edges, vs))
        # Little light falls through a narrow slit, and what it falls on looks dark, not grey.
        lit = min(0.2 + edges.gap / 0.13, 1.0)
        teeth = self._enamel * self._tooth_shade(edges)[:, :, None]
        painted = _over(painted, teeth, self._upper_teeth(edges, vs) * np.float32(lit))
        if self._bared:
            painted = _over(painted, self._picture[near], self._own(us, vs, edges) * np.float32(lit))
        # The lips throw their shadow on what is behind them.
        shadow = 0.5 + 0.5 * np.clip((vs - edges.upper) / 0.055, 0, 1)
        return painted * shadow[:, :, None]

    def _own_enamel(self, box: Box) -> Floats:
        """The colour of the teeth that the portrait shows."""
        us, vs = self._face.to_face(*np.broadcast_arrays(*box.grid()))
        lips = self._lips
        hump = 1 - ((us - lips.u) / lips.half_width) ** 2
        middle = np.abs(vs - lips.corner_v - (lips.upper + 0.45 * lips.gap) * hump) < 0.35 * lips.gap
        seen = self._picture[middle & (hump > 0.7)]
        if len(seen) < 6:
            return self._enamel
        bright = seen[seen.sum(axis=1) >= np.percentile(seen.sum(axis=1), 50)]
        return np.asarray(bright.mean(axis=0), np.float32)

    def _own(self, us: Floats, vs: Floats, edges: Edges) -> Floats:
        """How much of the portrait's own mouth to show: all between its own lips, nothing of the lips themselves."""
        lips = self._lips
        hump = 1 - ((us - np.float32(lips.u)) / np.float32(lips.half_width)) ** 2
        upper, lower = lips.corner_v + lips.upper * hump, lips.corner_v + lips.lower * hump
        margin = max(0.018, 1.0 / self._face.span)
        inside = np.minimum(vs - upper, lower - vs)
        return np.clip(inside / margin - 0.35, 0, 1) * np.clip(1.02 - np.abs(edges.t), 0, 0.1) * 10

    def _upper_teeth(self, edges: Edges, vs: Floats) -> Floats:
        lips = self._lips
        hang = np.clip(1 - 0.8 * edges.t**2, 0, 1)
        edge = lips.corner_v + (lips.upper + 0.45 * lips.gap + TOOTH_EDGE + 0.35 * min(lips.gap, 0.15)) * hang
        soft = max(0.016, 1.0 / self._face.span)
        shown = np.clip((edge - vs) / np.float32(soft) + 0.5, 0, 1)
        return np.asarray(shown * np.clip((0.95 - np.abs(edges.t)) / 0.35, 0, 1), np.float32)

    def _tongue(self, edges: Edges, vs: Floats) -> Floats:
        lift = 0.45 * edges.gap * np.clip(1 - 1.2 * edges.t**2, 0, 1)
        soft = max(0.05, 0.45 * edges.gap)
        seen = np.float32(0.85 * min(edges.gap / 0.12, 1.0))
        return np.asarray(seen * np.clip((vs - (edges.lower - lift)) / np.float32(soft), 0, 1), np.float32)

    def _tooth_shade(self, edges: Edges) -> Floats:
        """Teeth are darker towards the corners, and a little where they touch each other."""
        x = np.abs(edges.t)
        shade = 1 - 0.55 * np.clip(x, 0, 1) ** 2
        line = max(0.016, 0.8 / self._face.span / self._lips.half_width)
        for bound in TOOTH_BOUNDS:
            shade = shade - np.float32(0.10) * np.exp(-(((x - np.float32(bound)) / np.float32(line)) ** 2))
        return shade


def _over(below: Floats, colour: Floats, share: Floats) -> Floats:
    return below + (colour - below) * share[:, :, None]


def _palette(picture: Bytes, face: Face) -> list[Floats]:
    """Dark, tongue and enamel in the portrait's own light: dim in a dim room, grey in a black-and-white picture."""
    us, vs = np.meshgrid(np.linspace(-0.5, 0.5, 40, dtype=np.float32), np.linspace(0.4, 0.9, 20, dtype=np.float32))
    cheeks = cv2.remap(picture, *face.to_picture(us, vs), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    level = float(np.percentile(cheeks.max(axis=2), 70)) / 215
    light = np.float32(np.clip(0.35 + 0.65 * level, 0.4, 1.08))
    coloured = np.float32(np.clip(np.median(np.ptp(cheeks, axis=2)) / 24, 0, 1))
    palette = []
    for colour in (DARK, TONGUE, ENAMEL):
        grey = np.full(3, np.mean(colour), np.float32)
        palette.append((grey + (np.array(colour, np.float32) - grey) * coloured) * light)
    return palette
