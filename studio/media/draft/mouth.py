"""The mouth in every shape it needs: lips and jaw are the portrait's own pixels, moved; what they open on is painted.

All geometry is in face coordinates (see ``face.Face``). Shapes are drawn when first asked for and kept: a voice comes
back to the same few dozen all the time.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import cv2
import numpy as np
from numpy.typing import NDArray

from studio.media.draft.arrays import Bytes, Floats, ease
from studio.media.draft.face import Face
from studio.media.draft.lips import Lips
from studio.media.draft.oral import BARED, Cavity, Edges, Window, without_teeth
from studio.media.draft.planes import Box, Planes, even_box, to_planes

OPENING_LEVELS, WIDTH_LEVELS = 26, 7
WIDEST_GAP = 0.29  # between the lips at full opening
REACH_SIDEWAYS, REACH_UP, JAW_TO, CHIN_AT = 0.98, 0.36, 1.25, 0.58
LIP_SHADE = 0.12  # as far from the hole lips are darker
LIP_HEIGHT = 0.26  # from the edge of the lower lip to where only the jaw moves the skin


class MouthTable:
    def __init__(self, picture: Bytes, face: Face, lips: Lips) -> None:
        self._face, self._lips = face, lips
        self.box = _reach(face, lips, picture.shape)
        self._picture = without_teeth(picture, face, lips, self.box) if lips.gap > BARED else picture
        self._us, self._vs = face.to_face(*(np.ascontiguousarray(a) for a in np.broadcast_arrays(*self.box.grid())))
        self._cavity = Cavity(picture, face, lips, self.box)
        self._drawn: dict[tuple[int, int], Future[Planes]] = {}
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="mouth")

    def shape(self, opening: float, width: float) -> Planes:
        """The patch for ``box`` with the mouth open by 0 to 1 and between round (-1) and wide (1)."""
        return self.begun(opening, width).result()

    def begun(self, opening: float, width: float) -> Future[Planes]:
        """The same as it will be: each shape is drawn once, in a thread of its own. To be asked by one thread."""
        half = WIDTH_LEVELS // 2
        # Finer steps where the lips nearly touch: there the eye sees every one.
        key = (
            round(float(np.clip(opening, 0, 1)) ** 0.75 * (OPENING_LEVELS - 1)),
            round(float(np.clip(width, -1, 1)) * half),
        )
        if key not in self._drawn:
            opened = (key[0] / (OPENING_LEVELS - 1)) ** (1 / 0.75)
            self._drawn[key] = self._pool.submit(lambda: to_planes(self.draw(opened, key[1] / half)))
        return self._drawn[key]

    def draw(self, opening: float, width: float) -> Bytes:
        """The patch in BGR."""
        edges, us = self._edges(opening, width)
        vs, inside = self._moved(edges)
        xs, ys = self._face.to_picture(us, vs)
        moved = cv2.remap(self._picture, xs, ys, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        patch = np.asarray(moved, np.uint8)
        # The rest is only skin: no need to paint what lips will cover.
        near = _bounds(inside > -LIP_SHADE)
        edges, inside = edges.part(near), inside[near]
        skin = patch[near] * self._shade(edges, inside)[:, :, None]
        softness = max(0.014, 1.1 / self._face.span)
        hole = np.clip(inside / softness + 0.15, 0, 1) * np.clip((1 - np.abs(edges.t)) * 20, 0, 1)
        hole *= np.float32(min(edges.gap / 0.02, 1.0))
        painted = self._cavity.paint(near, self._us[near], self._vs[near], edges)
        patch[near] = np.clip(np.rint(skin + (painted - skin) * hole[:, :, None]), 0, 255)
        return patch

    def _edges(self, opening: float, width: float) -> tuple[Edges, Floats]:
        """Where the lips' edges go, and for every pixel the u that its skin comes from."""
        lips = self._lips
        round_, wide = max(-width, 0.0), max(width, 0.0)
        gap = WIDEST_GAP * opening * (1 - 0.18 * wide - 0.22 * round_)
        # A smile relaxes when it speaks; "oo" draws the corners in, "ee" apart.
        half = lips.half_width * (1 + 0.09 * wide - 0.21 * round_ - (0.05 if lips.gap > BARED else 0.0))
        half = max(half - 0.10 * gap, 0.5 * lips.half_width)
        smile = max(lips.upper + 0.45 * lips.gap, 0.0)
        relaxed = smile * min(0.25 + 2 * gap, 0.5)
        meet = lips.upper + 0.45 * lips.gap - relaxed
        du = self._us - np.float32(lips.u)
        t = du / np.float32(half)
        hump = np.clip(1 - t * t, 0, None)
        belly = hump ** np.float32(0.75 - 0.2 * round_)
        pout = 0.02 * round_
        # The corners follow the jaw a little.
        corner = lips.corner_v + 0.20 * gap + 0.7 * relaxed
        upper = corner + meet * hump - (0.30 * gap + pout) * belly
        lower = corner + meet * hump + (0.70 * gap - pout) * belly
        before = np.clip(1 - t * t, 0, None)
        edges = Edges(t, upper, lower, lips.corner_v + lips.upper * before, lips.corner_v + lips.lower * before, gap)
        return edges, self._us + self._sideways(du, t, half)

    def _sideways(self, du: Floats, t: Floats, half: float) -> Floats:
        """How far to the side the skin of each pixel comes from: all of it at the mouth, nothing on the cheeks."""
        ratio = np.float32(self._lips.half_width / half - 1)
        corner = np.float32(half) * ratio
        beyond = np.clip((np.abs(du) - half) / (REACH_SIDEWAYS - half), 0, 1)
        shift = np.where(np.abs(t) <= 1, du * ratio, np.sign(du) * corner * ease(1 - beyond))
        dv = self._vs - np.float32(self._lips.corner_v + self._lips.upper)
        return shift * ease(np.clip(1 - np.abs(dv) / np.where(dv < 0, np.float32(REACH_UP), np.float32(0.75)), 0, 1))

    def _moved(self, edges: Edges) -> tuple[Floats, Floats]:
        """For every pixel the v that its skin comes from, and how deep it is between the lips (negative: not)."""
        du, vs = self._us - np.float32(self._lips.u), self._vs
        above, below = edges.upper - vs, vs - edges.lower
        aside = np.clip((np.abs(edges.t) - 1) * self._lips.half_width / 0.42, 0, 1)
        calm = ease(1 - aside)
        up = (edges.upper - edges.upper_before) * calm * ease(np.clip(1 - above / REACH_UP, 0, 1))
        broad = np.clip(1 - (du / REACH_SIDEWAYS) ** 2, 0, 1) ** 2
        jaw = 0.62 * edges.gap - 0.15 * self._lips.gap
        mix = ease(np.clip(below / LIP_HEIGHT, 0, 1))
        end = ease(np.clip((JAW_TO - below) / (JAW_TO - CHIN_AT), 0, 1))
        down = ((edges.lower - edges.lower_before) * calm * (1 - mix) + np.float32(jaw) * broad * mix) * end
        middle = (edges.upper + edges.lower) / 2
        inside = np.where(np.abs(edges.t) < 1.14, np.minimum(-above, -below), np.float32(-1))
        return np.where(vs < middle, vs - up, vs - down), inside

    def _shade(self, edges: Edges, inside: Floats) -> Floats:
        """Lips darken where they turn inwards; a mouth that was open needs a line where it now shuts."""
        depth = max(0.022, 1.3 / self._face.span)
        rim = np.exp(-np.clip(-inside, 0, 1) / np.float32(depth)) * np.clip(1.3 - edges.t**2, 0, 1)
        strength = 0.30 * min(edges.gap / 0.05, 1.0)
        if self._lips.gap > BARED:
            strength = max(strength, 0.42)
        return np.asarray(1 - np.float32(strength) * rim, np.float32)


def _bounds(mask: NDArray[np.bool_]) -> Window:
    """The smallest window that holds all that is marked."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return slice(0, 0), slice(0, 0)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _reach(face: Face, lips: Lips, shape: tuple[int, ...]) -> Box:
    """The box in the picture that holds everything the mouth can move."""
    top = lips.corner_v + min(lips.upper, 0.0) - REACH_UP - 0.12
    bottom = lips.corner_v + max(lips.lower, 0.0) + WIDEST_GAP + JAW_TO
    us = np.array([-1, 1, -1, 1], np.float32) * np.float32(REACH_SIDEWAYS) + np.float32(lips.u)
    xs, ys = face.to_picture(us, np.array([top, top, bottom, bottom], np.float32))
    return even_box(float(xs.min()) - 2, float(ys.min()) - 2, float(xs.max()) + 2, float(ys.max()) + 2, shape)
