"""Portraits judged before money, by the sample portrait and what becomes of it when it is spoiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from studio.media.portraits.judgement import judge
from tests.support.paths import SAMPLES

Picture = np.ndarray[Any, np.dtype[np.uint8]]

SAMPLE: Picture = np.asarray(Image.open(SAMPLES / "portrait.jpg"))
NOSE = (224, 118)
EYES, CHIN = 100, 190  # rows
GREY = (120, 140, 150)


def blurred(pixels: float) -> Picture:
    return np.asarray(cv2.GaussianBlur(SAMPLE, (0, 0), pixels), np.uint8)


def darkened(share: float) -> Picture:
    return np.asarray(SAMPLE * share, np.uint8)


def scaled(side: int) -> Picture:
    return np.asarray(cv2.resize(SAMPLE, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def far_away(side: int, of: int = 768) -> Picture:
    picture = np.full((of, of, 3), GREY, np.uint8)
    picture[200 : 200 + side, 300 : 300 + side] = scaled(side)
    return picture


def beside(side: int) -> Picture:
    """The portrait with a second one of so many pixels beside it."""
    other = np.full((len(SAMPLE), side, 3), GREY, np.uint8)
    other[:side] = scaled(side)
    return np.hstack([SAMPLE, other])


def tilted(degrees: float) -> Picture:
    matrix = cv2.getRotationMatrix2D(NOSE, degrees, 1)
    return np.asarray(cv2.warpAffine(SAMPLE, matrix, (512, 512), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def half_hidden() -> Picture:
    """Half of the face in front of a plain wall, which is what the finder of faces from the side goes by."""
    picture = SAMPLE.copy()
    picture[:, :225] = picture[5, 5]
    return picture


def noise(*_: object) -> Picture:
    return np.random.default_rng(1).integers(0, 255, (400, 400, 3), dtype=np.uint8)


GOOD: dict[str, Picture] = {
    "as it is": SAMPLE,
    "mirrored": SAMPLE[:, ::-1],
    "one pixel of blur": blurred(1),
    "less light": darkened(0.4),
    "little contrast": np.asarray(SAMPLE * 0.3 + 110, np.uint8),
    "overexposed": np.asarray(np.clip(SAMPLE * 1.4, 0, 255), np.uint8),
    "20 degrees askew": tilted(20),
    "30 degrees askew": tilted(30),
    "a passer-by": beside(180),
    "cut below the chin": SAMPLE[: CHIN + 10],
    "cut above the brow": SAMPLE[EYES - 44 :],
    "304 pixels a side": scaled(304),
}
SPOILED: dict[str, tuple[Picture, list[str]]] = {
    "a landscape": (SAMPLE[330:], ["no_face"]),
    "noise": (noise(), ["no_face"]),
    "grey": (np.full((400, 400, 3), GREY, np.uint8), ["no_face"]),
    "two faces": (np.hstack([SAMPLE, SAMPLE]), ["several_faces"]),
    "two faces, one smaller": (beside(360), ["several_faces"]),
    "three faces": (np.hstack([SAMPLE, SAMPLE, SAMPLE]), ["several_faces"]),
    "far away": (far_away(192), ["small_face"]),
    "less far away": (far_away(256), ["small_face"]),
    "small in a large picture": (far_away(512, 1600), ["small_face"]),
    "cut at the mouth": (SAMPLE[:143], ["cut_off"]),
    "cut at the chin": (SAMPLE[:162], ["cut_off"]),
    "cut at the eyes": (SAMPLE[EYES - 4 :], ["cut_off"]),
    "cut at the cheek": (SAMPLE[:, 186:], ["cut_off"]),
    "hidden by half": (half_hidden(), ["turned_away"]),
    "a quarter turn": (np.rot90(SAMPLE), ["not_upright"]),
    "upside down": (np.rot90(SAMPLE, 2), ["not_upright"]),
    "three quarter turns": (np.rot90(SAMPLE, 3), ["not_upright"]),
    "two pixels of blur": (blurred(2), ["blurred"]),
    "six pixels of blur": (blurred(6), ["blurred"]),
    "blown up": (np.asarray(cv2.resize(scaled(96), (768, 768)), np.uint8), ["blurred"]),
    "dark": (darkened(0.2), ["dark"]),
    "night": (darkened(0.1), ["dark"]),
    "dark and cut off": (darkened(0.2)[:143], ["cut_off", "dark"]),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_portrait_is_taken_without_a_word(name: str) -> None:
    judgement = judge(np.ascontiguousarray(GOOD[name]))
    assert judgement.warnings == ()
    assert judgement.face


@pytest.mark.parametrize("name", SPOILED)
def test_a_spoiled_portrait_says_what_is_wrong(name: str) -> None:
    picture, codes = SPOILED[name]
    warnings = judge(np.ascontiguousarray(picture)).warnings
    assert [warning.code for warning in warnings] == codes
    for warning in warnings:
        assert warning.message.endswith(".")
        assert warning.remedy.endswith(".")


@pytest.mark.parametrize(
    "spoil",
    [lambda picture: picture, lambda picture: picture[:, ::-1], lambda picture: np.asarray(picture * 0.15, np.uint8)],
)
def test_the_face_is_where_it_is(spoil: Callable[[Picture], Picture]) -> None:
    face = judge(np.ascontiguousarray(spoil(SAMPLE))).face
    assert face
    x, y, width, height = face
    middle = (x + width / 2, y + height / 2)
    nose = NOSE[0] if middle[0] < 256 else 512 - NOSE[0]
    assert abs(middle[0] - nose) < 12
    assert abs(middle[1] - NOSE[1]) < 12
    assert 80 < width < 110


def test_a_face_that_is_cut_off_is_given_as_far_as_it_is_there() -> None:
    picture = SAMPLE[:143]
    face = judge(np.ascontiguousarray(picture)).face
    assert face
    assert face[1] + face[3] == len(picture)
