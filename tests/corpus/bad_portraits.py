"""What must not become a portrait."""

from __future__ import annotations

from collections.abc import Callable

from studio.media.errors import Refusal
from tests.corpus import films, hostile, pictures, sounds
from tests.corpus.bad import Bad, archive, heic, noise, part

EXPORT_PICTURE = "It may be damaged or cut off; export it again and upload that."
CHOOSE_PICTURE = "Choose a JPEG, PNG, WebP, GIF, AVIF or HEIC picture."
SMALLER = "Save it smaller: 2,048 pixels on the longer side are enough."
EMPTY_PICTURE = "Choose the file again; if it stays empty, export it again."


def unreadable_picture(name: str, make: Callable[[], bytes], what: str) -> Bad:
    message = f"The portrait begins like {what} but can’t be read to its end."
    return Bad(name, make, Refusal.PORTRAIT_UNREADABLE, message, EXPORT_PICTURE)


def not_a_picture(what: str) -> str:
    return f"The portrait is {what}, not a picture."


def pixels(size: str, megapixels: str, limit: int = 64) -> str:
    return f"The portrait is {size} pixels, {megapixels} megapixels; the limit is {limit}."


def avif() -> bytes:
    return pictures.saved(pictures.picture(), "AVIF")


_NO_PICTURE = Refusal.PORTRAIT_NOT_A_PICTURE
_PIXELS = Refusal.PORTRAIT_TOO_MANY_PIXELS
_SMALL = Refusal.PORTRAIT_TOO_SMALL
_LONG = Refusal.PORTRAIT_TOO_LONG

# The names are what a person would send; nothing may depend on them.
PORTRAITS = [
    Bad("empty.jpg", bytes, Refusal.PORTRAIT_EMPTY, "The portrait is empty: 0 bytes.", EMPTY_PICTURE),
    Bad(
        "25 MB.jpg",
        lambda: pictures.jpeg() + bytes(25_000_000),
        Refusal.PORTRAIT_TOO_LARGE,
        "The portrait is 25.1 MB; the limit is 20 MB.",
        SMALLER,
    ),
    unreadable_picture("half.jpg", lambda: part(pictures.jpeg(), 0.5), "a JPEG picture"),
    unreadable_picture("half.png", lambda: part(pictures.png(), 0.5), "a PNG picture"),
    unreadable_picture("half.gif", lambda: part(pictures.saved(pictures.picture(), "GIF"), 0.5), "a GIF picture"),
    unreadable_picture("half.webp", lambda: part(pictures.saved(pictures.picture(), "WEBP"), 0.5), "a WebP picture"),
    unreadable_picture("half.avif", lambda: part(avif(), 0.5), "an AVIF picture"),
    unreadable_picture("half.heic", lambda: part(heic(), 0.5), "a HEIC picture"),
    unreadable_picture("only a header.png", lambda: pictures.png()[:33], "a PNG picture"),
    unreadable_picture("three bytes.jpg", lambda: b"\xff\xd8\xff", "a JPEG picture"),
    unreadable_picture("a comment of 100 MB.png", pictures.png_text_bomb, "a PNG picture"),
    Bad("voice.jpg", lambda: sounds.mp3(3), _NO_PICTURE, not_a_picture("an MP3 sound"), CHOOSE_PICTURE),
    Bad("film.jpg", lambda: films.film(seconds=1), _NO_PICTURE, not_a_picture("an MP4 file"), CHOOSE_PICTURE),
    Bad("pictures.zip", archive, _NO_PICTURE, not_a_picture("a ZIP archive"), CHOOSE_PICTURE),
    Bad("portrait.jpg", archive, _NO_PICTURE, not_a_picture("a ZIP archive"), CHOOSE_PICTURE),
    Bad("drawing.svg", lambda: pictures.SVG_WITH_SCRIPT, _NO_PICTURE, not_a_picture("an SVG drawing"), CHOOSE_PICTURE),
    Bad("page.png", lambda: b"<!doctype html><p>Hello", _NO_PICTURE, not_a_picture("an HTML page"), CHOOSE_PICTURE),
    Bad("letter.pdf", lambda: b"%PDF-1.7\n", _NO_PICTURE, not_a_picture("a PDF document"), CHOOSE_PICTURE),
    Bad("setup.jpg", lambda: b"MZ\x90\0", _NO_PICTURE, not_a_picture("a program"), CHOOSE_PICTURE),
    Bad("noise.jpg", lambda: noise(4000), _NO_PICTURE, not_a_picture("a file of no known kind"), CHOOSE_PICTURE),
    Bad(
        "scan.tif",
        lambda: pictures.saved(pictures.picture(), "TIFF"),
        _NO_PICTURE,
        "The portrait is a TIFF picture, which can’t be used here.",
        CHOOSE_PICTURE,
    ),
    Bad(
        "101 scans.jpg",
        lambda: hostile.short_scans(100),
        Refusal.PORTRAIT_OVER_LIMITS,
        "The portrait is a JPEG of more than 100 scans.",
        "Open it in a picture program and save it as a plain JPEG or PNG.",
    ),
    Bad("huge.png", pictures.huge_png, _PIXELS, pixels("40000 × 40000", "1,600"), SMALLER),
    Bad("huge.jpg", pictures.huge_jpeg, _PIXELS, pixels("40000 × 40000", "1,600"), SMALLER),
    Bad("huge.gif", pictures.huge_gif, _PIXELS, pixels("40000 × 40000", "1,600"), SMALLER),
    Bad("huge.webp", pictures.huge_webp, _PIXELS, pixels("16384 × 16384", "269", 25), SMALLER),
    Bad("bomb.png", lambda: pictures.png_bomb(8001), _PIXELS, pixels("8001 × 8001", "65"), SMALLER),
    Bad(
        "small.jpg",
        lambda: pictures.jpeg(299, 400),
        _SMALL,
        "The portrait is 299 × 400 pixels; each side must be at least 300.",
        "Choose a larger picture.",
    ),
    Bad(
        "small and turned.jpg",
        lambda: pictures.jpeg(299, 400, exif=pictures.exif(6)),
        _SMALL,
        "The portrait is 400 × 299 pixels; each side must be at least 300.",
        "Choose a larger picture.",
    ),
    Bad(
        "dot.gif",
        lambda: pictures.saved(pictures.picture(8, 8), "GIF"),
        _SMALL,
        "The portrait is 8 × 8 pixels; each side must be at least 300.",
        "Choose a larger picture.",
    ),
    Bad(
        "banner.png",
        lambda: pictures.png(751, 300),
        _LONG,
        "The portrait is 751 × 300 pixels, which is too wide; the limit is 2.5:1.",
        "Crop it closer to the face.",
    ),
    Bad(
        "ribbon.png",
        lambda: pictures.png(300, 751),
        _LONG,
        "The portrait is 300 × 751 pixels, which is too tall; the limit is 1:2.5.",
        "Crop it closer to the face.",
    ),
]
