"""Portraits: what is refused with which sentence, and what the clean copy is like."""

from __future__ import annotations

import io
import tracemalloc

import numpy as np
import pytest
from PIL import Image, ImageCms

from studio.media import judge
from studio.media.errors import Refusal, UploadRefused
from studio.media.portraits import portraits
from studio.media.portraits.portraits import Portrait, read_portrait
from tests.corpus import pictures
from tests.corpus.bad import Bad
from tests.corpus.bad_portraits import PORTRAITS
from tests.studio.conftest import PlaceFile
from tests.support.paths import SAMPLES

SAMPLE = SAMPLES / "portrait.jpg"
CAMERA_DATA = "Camera data removed, with the place if it had one."
FIRST_FRAME = "Only the first frame of the animation is used."
WHITE = "Transparent parts filled with white."
AS_JPEG = "Saved as a JPEG picture."
AS_PNG = "Saved as a PNG picture."


def opened(portrait: Portrait) -> Image.Image:
    return Image.open(io.BytesIO(portrait.data))


@pytest.mark.parametrize("bad", PORTRAITS, ids=lambda bad: bad.name)
def test_a_bad_portrait_is_refused_with_its_own_sentence(bad: Bad, place: PlaceFile) -> None:
    path = place(bad.make())
    with pytest.raises(UploadRefused) as refused:
        read_portrait(path)
    refusal = refused.value
    assert (refusal.field, refusal.code, refusal.message, refusal.remedy) == (
        "portrait",
        bad.code,
        bad.message,
        bad.remedy,
    )
    assert str(refusal) == f"{bad.message} {bad.remedy}"


def test_the_corpus_has_every_reason_to_refuse_a_portrait_file() -> None:
    of_a_file = {code for code in Refusal if code.startswith("portrait_")}
    elsewhere = {Refusal.PORTRAIT_WRONG_KIND, Refusal.PORTRAIT_IN_USE, Refusal.PORTRAIT_UNREACHABLE}
    assert {bad.code for bad in PORTRAITS} == of_a_file - elsewhere


def test_a_huge_picture_is_refused_before_it_is_decoded(place: PlaceFile) -> None:
    path = place(pictures.huge_png())
    tracemalloc.start()
    with pytest.raises(UploadRefused):
        read_portrait(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


def test_the_sample_is_taken_as_it_is_and_its_face_is_found() -> None:
    portrait = read_portrait(SAMPLE)
    assert (portrait.width, portrait.height, portrait.content_type, portrait.extension) == (
        512,
        512,
        "image/jpeg",
        "jpg",
    )
    assert portrait.details["format"] == "JPEG"
    assert portrait.details["changes"] == []
    x, y, width, height = portrait.details["face"]
    # The astronaut's nose is near (224, 118), and her face is about a fifth of the picture wide.
    assert x < 224 < x + width
    assert y < 118 < y + height
    assert 70 < width < 140
    assert 70 < height < 140


def test_the_same_bytes_give_the_same_copy() -> None:
    assert read_portrait(SAMPLE) == read_portrait(SAMPLE)


def test_a_picture_without_a_face_says_so(place: PlaceFile) -> None:
    assert read_portrait(place(pictures.jpeg())).details["face"] is None


@pytest.mark.parametrize(
    ("data", "stored", "changes"),
    [
        (pictures.jpeg(), "image/jpeg", []),
        (pictures.png(), "image/png", []),
        (pictures.saved(pictures.picture(), "GIF"), "image/png", [AS_PNG]),
        (pictures.saved(pictures.picture(), "WEBP"), "image/jpeg", [AS_JPEG]),
        (pictures.saved(pictures.picture(), "WEBP", lossless=True), "image/jpeg", [AS_JPEG]),
        (pictures.saved(pictures.picture(), "AVIF"), "image/jpeg", [AS_JPEG]),
        (pictures.saved(pictures.picture(), "HEIF"), "image/jpeg", [AS_JPEG]),
        (pictures.animation("GIF"), "image/png", [FIRST_FRAME, AS_PNG]),
        (pictures.animation("PNG"), "image/png", [FIRST_FRAME]),
        (pictures.animation("WEBP"), "image/jpeg", [FIRST_FRAME, AS_JPEG]),
        (pictures.animation("AVIF"), "image/jpeg", [FIRST_FRAME, AS_JPEG]),
        (
            pictures.saved(pictures.picture(), "MPO", save_all=True, append_images=[pictures.picture()]),
            "image/jpeg",
            [],
        ),
        (pictures.saved(pictures.picture(mode="CMYK"), "JPEG"), "image/jpeg", ["Colours converted from CMYK to sRGB."]),
        (pictures.saved(pictures.picture(mode="P"), "PNG"), "image/png", []),
        (pictures.saved(pictures.picture(mode="RGBA"), "PNG"), "image/png", []),
        (pictures.saved(pictures.picture(), "JPEG", progressive=True), "image/jpeg", []),
    ],
    # Of their bytes pytest would make names, and an animated AVIF has the time in it: no two processes agreed.
    ids=[
        "jpeg",
        "png",
        "gif",
        "webp",
        "lossless-webp",
        "avif",
        "heif",
        "animated-gif",
        "animated-png",
        "animated-webp",
        "animated-avif",
        "mpo",
        "cmyk",
        "palette",
        "alpha",
        "progressive",
    ],
)
def test_each_format_keeps_its_picture(data: bytes, stored: str, changes: list[str], place: PlaceFile) -> None:
    portrait = read_portrait(place(data))
    image = opened(portrait)
    assert pictures.corner_colours(image) == pictures.CORNERS
    assert (image.mode, image.size, Image.MIME[image.format or ""]) == ("RGB", (400, 500), stored)
    assert (portrait.width, portrait.height, portrait.content_type) == (400, 500, stored)
    assert portrait.details["changes"] == changes


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_is_turned_as_its_camera_was_held(kind: str, orientation: int, place: PlaceFile) -> None:
    upright = pictures.picture(400, 500)
    undo = portraits.pictures.TURNS | {6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    held = upright.transpose(undo[orientation]) if orientation > 1 else upright
    portrait = read_portrait(place(pictures.saved(held, kind, exif=pictures.exif(orientation))))
    assert (portrait.width, portrait.height) == (400, 500)
    assert pictures.corner_colours(opened(portrait)) == pictures.CORNERS
    assert ("Turned upright." in portrait.details["changes"]) == (orientation > 1)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF"])
def test_nothing_tells_where_a_picture_was_taken(kind: str, place: PlaceFile) -> None:
    tags = pictures.exif(place=True)
    data = pictures.saved(pictures.picture(), kind, exif=tags.tobytes())
    assert b"Telltale" in data
    portrait = read_portrait(place(data))
    image = opened(portrait)
    assert CAMERA_DATA in portrait.details["changes"]
    assert dict(image.getexif()) == {}
    assert not {"exif", "xmp", "comment", "icc_profile"} & set(image.info)
    assert all(word not in portrait.data for word in (b"Telltale", b"Exif", b"eXIf", b"GPS", b"http://ns.adobe.com"))


def test_comments_xmp_and_what_follows_the_picture_are_dropped(place: PlaceFile) -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">exif:GPSLatitude 52,31N</x:xmpmeta>'
    data = pictures.jpeg(comment=b"taken at home", xmp=xmp) + b"<script>alert(1)</script>"
    portrait = read_portrait(place(data))
    assert all(word not in portrait.data for word in (b"home", b"GPSLatitude", b"script"))
    assert portrait.details["changes"] == [CAMERA_DATA]


def test_broken_exif_costs_nothing_but_itself(place: PlaceFile) -> None:
    portrait = read_portrait(place(pictures.jpeg(exif=b"Exif\0\0II*\0\xff\xff\xff\x7f" + bytes(20))))
    assert pictures.corner_colours(opened(portrait)) == pictures.CORNERS


def test_transparency_becomes_white(place: PlaceFile) -> None:
    image = Image.new("RGBA", (400, 400), (0, 0, 0, 0))
    image.paste((255, 0, 0, 255), (100, 100, 300, 300))
    portrait = read_portrait(place(pictures.saved(image, "PNG")))
    assert portrait.details["changes"] == [WHITE]
    assert opened(portrait).getpixel((5, 5)) == (255, 255, 255)
    assert opened(portrait).getpixel((200, 200)) == (255, 0, 0)


def test_a_transparent_palette_becomes_white(place: PlaceFile) -> None:
    image = Image.new("P", (400, 400), 1)
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.paste(0, (0, 0, 200, 400))
    portrait = read_portrait(place(pictures.saved(image, "GIF", transparency=0)))
    assert portrait.details["changes"] == [WHITE, AS_PNG]
    assert opened(portrait).getpixel((5, 5)) == (255, 255, 255)
    assert opened(portrait).getpixel((395, 5)) == (255, 0, 0)


@pytest.mark.parametrize(("sixteen", "eight"), [(0x0000, 0), (0x80FF, 0x80), (0xFFFF, 255)])
def test_sixteen_bits_of_grey_become_eight(sixteen: int, eight: int, place: PlaceFile) -> None:
    image = Image.fromarray(np.full((320, 320), sixteen, np.uint16))
    assert image.mode == "I;16"
    portrait = read_portrait(place(pictures.saved(image, "PNG")))
    assert opened(portrait).getpixel((100, 100)) == (eight, eight, eight)


def test_a_picture_of_two_colours_is_taken(place: PlaceFile) -> None:
    portrait = read_portrait(place(pictures.saved(Image.new("1", (320, 320), 1), "PNG")))
    assert opened(portrait).getpixel((100, 100)) == (255, 255, 255)


def test_colours_are_converted_before_their_profile_is_dropped(place: PlaceFile) -> None:
    portrait = read_portrait(place(pictures.jpeg(icc_profile=pictures.swapped_profile())))
    swapped = {corner: (green, red, blue) for corner, (red, green, blue) in pictures.CORNERS.items()}
    assert pictures.corner_colours(opened(portrait)) == swapped
    assert portrait.details["changes"] == ["Colours converted from Swapped space to sRGB."]
    assert b"ICC_PROFILE" not in portrait.data


def test_a_profile_that_changes_nothing_or_fits_nothing_is_just_dropped(place: PlaceFile) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    kept = read_portrait(place(pictures.jpeg(icc_profile=srgb)))
    assert kept.details["changes"] == []
    unusable = read_portrait(place(pictures.jpeg(icc_profile=lab)))
    assert unusable.details["changes"] == []
    assert b"ICC_PROFILE" not in kept.data + unusable.data


def test_a_large_picture_is_scaled_down_to_what_every_provider_takes(place: PlaceFile) -> None:
    portrait = read_portrait(place(pictures.jpeg(3000, 4000, exif=pictures.exif(6))))
    assert (portrait.width, portrait.height) == (2048, 1536)
    assert opened(portrait).size == (2048, 1536)
    assert portrait.details["changes"] == [
        CAMERA_DATA,
        "Turned upright.",
        "Scaled down from 4000 × 3000 to 2048 × 1536 pixels.",
    ]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L"])
def test_scaling_in_strips_keeps_the_picture(mode: str, place: PlaceFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a height that no strip divides."""
    monkeypatch.setattr(portraits.pictures, "STORED_SIDE", 320)
    monkeypatch.setattr(portraits.pictures, "STRIP_PIXELS", 50_000)
    image = pictures.picture(1500, 1111).convert(mode)
    portrait = read_portrait(place(pictures.saved(image, "PNG")))
    expected = image.convert("RGB").resize((portrait.width, portrait.height), Image.Resampling.BOX)
    difference = np.abs(np.asarray(opened(portrait), np.int16) - np.asarray(expected, np.int16))
    assert (portrait.width, portrait.height) == (320, 237)
    assert difference.mean() < 1.5


def test_a_png_too_heavy_for_a_provider_is_stored_as_a_jpeg(place: PlaceFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portraits.pictures, "STORED_BYTES", 700_000)
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 255, (600, 600, 3), np.uint8))
    portrait = read_portrait(place(pictures.saved(noise, "PNG")))
    assert portrait.content_type == "image/jpeg"
    assert portrait.details["changes"] == [AS_JPEG]
    assert 100_000 < len(portrait.data) <= 700_000


@pytest.mark.parametrize(("width", "height"), [(300, 300), (750, 300), (300, 750)])
def test_the_limits_themselves_are_taken(width: int, height: int, place: PlaceFile) -> None:
    portrait = read_portrait(place(pictures.png(width, height)))
    assert (portrait.width, portrait.height) == (width, height)


def test_whatever_happens_to_a_file_it_is_taken_or_refused(place: PlaceFile) -> None:
    """Random damage to every kind of picture: no other error, and no crash."""
    chance = np.random.default_rng(20261121)
    good = [pictures.saved(pictures.picture(300, 300), kind) for kind in ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "HEIF")]
    outcomes = set()
    for number in range(150):
        data = bytearray(good[number % len(good)])
        for at in chance.integers(0, len(data), chance.integers(1, 12)):
            data[at] = chance.integers(0, 256)
        try:
            damaged = data[: chance.integers(1, len(data))] if number % 3 else data
            judge.portrait(place(bytes(damaged)), owner="one")
            outcomes.add("taken")
        except UploadRefused as refused:
            outcomes.add(refused.code)
    assert outcomes >= {"taken", Refusal.PORTRAIT_UNREADABLE}
