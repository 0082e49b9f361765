"""Codings that a body comes in: each alone, over one another, wrongly labelled, cut off, and as a bomb."""

from __future__ import annotations

import gzip
import os
import zlib

import brotli
import pytest
from backports import zstd

from avatarsite.http.encodings import PIECE, BadCoding, Decoder

BODY = b"\xff\xd8\xff" + os.urandom(50_000) + bytes(400_000) + b"\xff\xd9"


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


SKIPPABLE = b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc"
WAYS = {
    "gzip": (gzip.compress(BODY), "gzip"),
    "its old name": (gzip.compress(BODY), "x-gzip"),
    "upper case and spaces": (gzip.compress(BODY), " GZip ,"),
    "several members": (gzip.compress(BODY[:9]) + gzip.compress(b"") + gzip.compress(BODY[9:]), "gzip"),
    "zeros behind it": (gzip.compress(BODY) + bytes(512), "gzip"),
    "twice and said so": (gzip.compress(gzip.compress(BODY)), "gzip, gzip"),
    "twice and said once": (gzip.compress(gzip.compress(BODY)), "gzip"),
    "three times and said once": (gzip.compress(gzip.compress(gzip.compress(BODY))), "gzip"),
    "once and said twice": (gzip.compress(BODY), "gzip, gzip"),
    "said and not done": (BODY, "gzip"),
    "deflate": (zlib.compress(BODY), "deflate"),
    "deflate without its frame": (raw_deflate(BODY), "deflate"),
    "br": (brotli.compress(BODY), "br"),
    "zstd": (zstd.compress(BODY), "zstd"),
    "zstd in frames": (SKIPPABLE + zstd.compress(BODY[:9]) + SKIPPABLE + zstd.compress(BODY[9:]), "zstd"),
    "zstd that is none": (BODY, "zstd"),
    "one over another": (brotli.compress(zstd.compress(gzip.compress(BODY))), "gzip, zstd, br"),
    "nothing": (BODY, ""),
    "identity": (BODY, "identity"),
    "what buckets keep": (BODY, "aws-chunked"),
    "aws-chunked, gzip": (gzip.compress(BODY), "aws-chunked,gzip"),
    "no coding at all": (BODY, "utf-8"),
}


def decode(body: bytes, header: str, step: int) -> bytes:
    decoder = Decoder(header)
    pieces = [piece for at in range(0, len(body), step) for piece in decoder.feed(body[at : at + step])]
    return b"".join([*pieces, *decoder.end()])


@pytest.mark.parametrize("step", [1, 2, 4_096, 10_000_000])
@pytest.mark.parametrize("way", WAYS)
def test_whatever_it_comes_in_the_body_is_the_same(way: str, step: int) -> None:
    assert decode(*WAYS[way], step=step) == BODY


@pytest.mark.parametrize("header", ["gzip", "deflate", "br", "zstd", "gzip, gzip"])
@pytest.mark.parametrize("body", [b"", b"\xff"])
def test_a_body_of_nothing_is_nothing(header: str, body: bytes) -> None:
    if not body:
        assert decode(body, header, 1) == b""
    elif "gzip" in header:
        assert decode(body, header, 1) == body


@pytest.mark.parametrize("way", ["gzip", "deflate", "deflate without its frame", "br", "zstd", "one over another"])
@pytest.mark.parametrize("keep", [0.1, 0.5, 0.999])
def test_a_body_that_was_cut_off_is_never_a_short_one(way: str, keep: float) -> None:
    body, header = WAYS[way]
    with pytest.raises(BadCoding, match=r"breaks off before its end\.$"):
        decode(body[: int(len(body) * keep)], header, 4_096)


@pytest.mark.parametrize("way", ["gzip", "deflate"])
def test_a_body_that_was_changed_is_refused(way: str) -> None:
    body, header = WAYS[way]
    with pytest.raises(BadCoding, match=r"coding is damaged\.$"):
        decode(body[:-3] + bytes([body[-3] ^ 1]) + body[-2:], header, 4_096)


@pytest.mark.parametrize("header", ["compress", "gzip, dcz", "gzip, gzip, gzip, gzip, gzip"])
def test_what_cannot_be_read_is_refused_by_its_name(header: str) -> None:
    with pytest.raises(BadCoding):
        Decoder(header)


@pytest.mark.parametrize("header", ["gzip", "deflate", "br", "zstd", "gzip, gzip"])
def test_a_bomb_comes_out_in_pieces_and_stops_with_its_reader(header: str) -> None:
    huge = bytes(200_000_000)
    packed = {
        "gzip": lambda: gzip.compress(huge, 9),
        "deflate": lambda: zlib.compress(huge, 9),
        "br": lambda: brotli.compress(huge, quality=1),
        "zstd": lambda: zstd.compress(huge),
        "gzip, gzip": lambda: gzip.compress(gzip.compress(huge, 9), 9),
    }[header]()
    pieces = Decoder(header).feed(packed)
    sizes = [len(next(pieces)) for _ in range(20)]
    assert max(sizes) <= 2 * PIECE
