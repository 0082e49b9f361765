"""Colours by their numbers: every coding of five greys comes out as those greys."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from studio.media.errors import Refusal, UploadRefused
from studio.media.portraits.portraits import read_portrait
from tests.corpus import odd_pictures as odd
from tests.corpus import pictures
from tests.studio.conftest import PlaceFile
from tests.support.paths import CASES, SAMPLES

SAMPLE = SAMPLES / "portrait.jpg"


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.int16)


def greys(data: bytes) -> list[int]:
    found = pixels(data)
    middles = [found[row, 160] for row in range(32, 320, 64)]
    assert max(int(np.ptp(middle)) for middle in middles) <= 1
    return [int(middle[1]) for middle in middles]


def same(values: odd.Values) -> odd.Values:
    return values


def test_one_picture_under_two_names_of_its_profile_comes_out_alike() -> None:
    first, second = (
        read_portrait(CASES / name) for name in ("p01-gimp-linear-srgb.png", "p01c-same-but-other-name.png")
    )
    assert first.data == second.data
    assert pixels(first.data).mean() == pytest.approx(114.54, abs=0.1)  # and not 71.4, which is too dark
    assert first.details["changes"] == ["Colours converted from GIMP built-in Linear sRGB to sRGB."]


def test_the_transparent_part_of_sixteen_bits_of_grey_is_white() -> None:
    portrait = read_portrait(CASES / "p08-16bit-grey-trns.png")
    assert portrait.details["changes"] == ["Transparent parts filled with white."]
    with Image.open(CASES / "p08-16bit-grey-trns.png") as image:
        source = np.asarray(image)
    expected = np.where(source == 0, 255, source >> 8)
    assert (pixels(portrait.data)[:, :, 1] == expected).all()


@pytest.mark.parametrize(
    ("data", "apart"),
    [
        (odd.png(odd.picture(same)), 0),
        (odd.png(odd.picture(same), odd.gamma(45_455)), 0),
        (odd.png(odd.picture(odd.linear), odd.gamma(100_000)), 2),
        (odd.png(odd.picture(lambda values: values**1.2), odd.gamma(54_546)), 8),
        (odd.png(odd.picture(odd.pq), odd.code_points(9, 16)), 1),
        (odd.png(odd.picture(odd.hlg), odd.code_points(9, 18)), 1),
        (odd.png(odd.picture(same), odd.code_points(12, 13)), 0),
        (odd.avif(odd.pq, 9, 16), 2),
        (odd.avif(odd.hlg, 9, 18), 2),
        (odd.avif(odd.linear, 1, 8), 3),
        (odd.avif(same, 9, 1), 1),
        (odd.avif(same, 1, 13), 1),
        (odd.heic(odd.pq, 9, 16), 2),
        (odd.heic(odd.hlg, 9, 18), 2),
        (odd.heic(same, 1, 13), 1),
        (pictures.saved(odd.picture(odd.linear), "PNG", icc_profile=odd.linear_profile()), 2),
        (pictures.saved(odd.picture(odd.linear, "L"), "PNG", icc_profile=odd.linear_profile()), 2),
        (pictures.saved(odd.picture(odd.linear, "LA"), "PNG", icc_profile=odd.linear_profile()), 2),
        (pictures.saved(odd.picture(odd.linear, "RGBA"), "PNG", icc_profile=odd.linear_profile()), 2),
        (pictures.saved(odd.picture(odd.linear), "JPEG", quality=98, icc_profile=odd.linear_profile()), 3),
        (pictures.saved(odd.picture(odd.linear), "WEBP", lossless=True, icc_profile=odd.linear_profile()), 3),
        (odd.png16(np.repeat(odd.bars()[:, :, None], 3, axis=2), 2), 0),
        (odd.png16(odd.bars()[:, :, None], 0), 0),
    ],
    ids=[
        "nothing said",
        "usual gAMA",
        "linear gAMA",
        "another gAMA",
        "cICP PQ",
        "cICP HLG",
        "cICP P3",
        "AVIF PQ",
        "AVIF HLG",
        "AVIF linear",
        "AVIF of BT.2020",
        "AVIF sRGB",
        "HEIC PQ",
        "HEIC HLG",
        "HEIC sRGB",
        "profile",
        "profile of colours, grey picture",
        "profile of colours, grey and alpha",
        "profile and alpha",
        "profile in a JPEG",
        "profile in a WebP",
        "16 bits",
        "16 bits of grey",
    ],
)
def test_greys_are_the_same_in_every_coding(data: bytes, apart: int, place: PlaceFile) -> None:
    found = greys(read_portrait(place(data)).data)
    assert max(abs(one - other) for one, other in zip(found, odd.GREYS, strict=True)) <= apart


def test_a_lighter_light_than_white_is_white_and_leaves_the_greys_alone(place: PlaceFile) -> None:
    image = np.asarray(odd.picture(odd.pq)).copy()
    image[300:, 300:] = 192  # some 1,000 nits
    found = read_portrait(place(odd.png(Image.fromarray(image), odd.code_points(9, 16))))
    assert greys(found.data)[:3] == pytest.approx(odd.GREYS[:3], abs=1)
    assert pixels(found.data)[310, 310, 1] >= 254


def test_colours_of_wider_primaries_are_brought_to_those_of_srgb(place: PlaceFile) -> None:
    """Display P3's (200, 100, 50) by ICC's own sums."""
    image = Image.new("RGB", (320, 320), (200, 100, 50))
    found = pixels(read_portrait(place(odd.png(image, odd.code_points(12, 13)))).data)[10, 10]
    assert found.tolist() == pytest.approx([215, 93, 31], abs=1)


def test_srgb_by_any_name_changes_nothing(place: PlaceFile) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    renamed = profile.replace("sRGB built-in".encode("utf-16-be"), "Anything else".encode("utf-16-be"))
    plain = read_portrait(place(pictures.jpeg()))
    for one in (profile, renamed):
        portrait = read_portrait(place(pictures.jpeg(icc_profile=one)))
        assert (portrait.data, portrait.details["changes"]) == (plain.data, [])


@pytest.mark.parametrize(
    "data",
    [
        pictures.saved(odd.picture(same), "PNG", transparency=(20, 20, 20)),
        pictures.saved(odd.picture(same, "L"), "PNG", transparency=20),
        odd.png16(odd.bars()[:, :, None], 0, pictures.chunk(b"tRNS", (20 * 257).to_bytes(2))),
        odd.png16(np.repeat(odd.bars()[:, :, None], 3, axis=2), 2, pictures.chunk(b"tRNS", (20 * 257).to_bytes(2) * 3)),
    ],
    ids=["colours", "grey", "16 bits of grey", "16 bits of colours"],
)
def test_one_transparent_colour_becomes_white(data: bytes, place: PlaceFile) -> None:
    portrait = read_portrait(place(data))
    assert greys(portrait.data) == [255, *odd.GREYS[1:]]
    assert portrait.details["changes"] == ["Transparent parts filled with white."]


# --- A JPEG's end -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", [1, 2])
@pytest.mark.parametrize(
    "data",
    [
        SAMPLE.read_bytes(),
        pictures.jpeg(progressive=True),
        pictures.jpeg(3000, 3000),
        pictures.saved(pictures.picture(mode="L"), "JPEG"),
    ],
    ids=["the sample", "progressive", "large", "grey"],
)
def test_a_jpeg_that_lacks_only_its_end_mark_is_taken(data: bytes, missing: int, place: PlaceFile) -> None:
    assert read_portrait(place(data[:-missing])) == read_portrait(place(data))


@pytest.mark.parametrize("missing", [8, 100, 3000])
def test_a_jpeg_that_lacks_more_is_refused(missing: int, place: PlaceFile) -> None:
    for data in (SAMPLE.read_bytes(), pictures.jpeg(), pictures.jpeg(progressive=True)):
        with pytest.raises(UploadRefused) as refused:
            read_portrait(place(data[:-missing]))
        assert refused.value.code == Refusal.PORTRAIT_UNREADABLE
