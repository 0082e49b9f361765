"""Videos: measured by their packets, cut ones found out, tables moved to the front without another change."""

from __future__ import annotations

import hashlib
import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from studio.media.video import videos
from studio.media.video.videos import UnreadableVideo, VideoFacts, VideoFault, fast_start, probe_video
from tests.corpus import films, pictures, sounds
from tests.corpus.odd_sounds import TAILS
from tests.studio.conftest import PlaceFile
from tests.support.videos import measure_video

FAST = "+faststart"
FRAGMENTS = "frag_keyframe+empty_moov"


def packets(path: Path) -> list[tuple[int, int | None, int | None, bytes]]:
    with av.open(str(path)) as container:
        return [(packet.stream_index, packet.pts, packet.dts, bytes(packet)) for packet in container.demux()]


def refusal(path: Path) -> tuple[VideoFault, str]:
    with pytest.raises(UnreadableVideo) as refused:
        measure_video(path)
    return refused.value.code, refused.value.sentence


@pytest.mark.parametrize(
    ("kind", "fps", "video_codec", "audio_codec"),
    [("mp4", 25, "h264", "aac"), ("mov", 30, "h264", "aac"), ("webm", 25, "vp9", "opus")],
)
def test_a_video_is_measured(kind: str, fps: int, video_codec: str, audio_codec: str, place: PlaceFile) -> None:
    data = films.film(kind, 2, fps=fps)
    assert measure_video(place(data)) == VideoFacts(
        duration_ms=2000,
        width=320,
        height=240,
        fps=float(fps),
        has_audio=True,
        video_codec=video_codec,
        audio_codec=audio_codec,
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )


@pytest.mark.parametrize("frames", [50, 51, 67])
def test_a_length_is_rounded_down_to_the_millisecond(frames: int, place: PlaceFile) -> None:
    facts = measure_video(place(films.film(seconds=Fraction(frames, 30), fps=30)))
    assert facts.duration_ms == frames * 1000 // 30


def test_a_video_without_sound_says_so(place: PlaceFile) -> None:
    facts = measure_video(place(films.film(sound=False)))
    assert (facts.has_audio, facts.audio_codec, facts.duration_ms) == (False, "", 3000)


def test_a_video_in_fragments_is_measured(place: PlaceFile) -> None:
    assert measure_video(place(films.film(movflags=FRAGMENTS))).duration_ms == 3000


@pytest.mark.parametrize("share", [0.3, 0.7, 0.999])
@pytest.mark.parametrize(
    ("kind", "options"),
    [("mp4", {}), ("mp4", {"movflags": FAST}), ("mp4", {"movflags": FRAGMENTS}), ("mov", {}), ("webm", {})],
)
def test_a_video_that_was_cut_off_is_found_out(
    kind: str, options: dict[str, str], share: float, place: PlaceFile
) -> None:
    data = films.film(kind, 2, **options)
    found = refusal(place(data[: int(len(data) * share)]))
    assert found == (VideoFault.CUT_OFF, "The video is cut off: the end of its file is missing.")


def test_a_header_that_promises_more_than_there_is_is_found_out(place: PlaceFile) -> None:
    """A WebM as browsers write it has no sizes, so only its promised length tells."""
    data = bytearray(films.film("webm", 3))
    segment = data.index(b"\x18\x53\x80\x67") + 4
    data[segment : segment + 8] = b"\x01" + b"\xff" * 7
    code, sentence = refusal(place(bytes(data[: len(data) // 2])))
    assert code == VideoFault.CUT_OFF
    assert sentence.startswith("The video is cut off after 1.")


def test_pictures_that_cannot_be_decoded_are_found_out(place: PlaceFile) -> None:
    data = bytearray(films.film(movflags=FAST))
    pictures_at = data.index(b"mdat") + 4
    data[pictures_at:] = b"\x55" * (len(data) - pictures_at)
    assert refusal(place(bytes(data)))[0] == VideoFault.DAMAGED


@pytest.mark.parametrize(
    ("data", "code", "sentence"),
    [
        (b"", VideoFault.EMPTY, "The video is empty: 0 bytes."),
        (b"<!doctype html>", VideoFault.NOT_A_VIDEO, "The video is an HTML page, not a video."),
        (pictures.jpeg(), VideoFault.NOT_A_VIDEO, "The video is a JPEG picture, not a video."),
        (
            sounds.encoded("m4a", 2),
            VideoFault.WITHOUT_PICTURE,
            "The video has no picture track that can be read.",
        ),
        (
            b"\x1aE\xdf\xa3" + bytes(500),
            VideoFault.UNREADABLE,
            "The video can’t be read: Invalid data found when processing input.",
        ),
    ],
)
def test_what_is_no_video_is_called_by_its_name(data: bytes, code: VideoFault, sentence: str, place: PlaceFile) -> None:
    assert refusal(place(data)) == (code, sentence)


def test_a_video_that_takes_too_long_to_read_is_given_up(place: PlaceFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(videos, "WORK_SECONDS", 0.0)
    assert refusal(place(films.film())) == (VideoFault.TOO_SLOW, "The video takes more than 0 s to read.")


@pytest.mark.parametrize("kind", ["mp4", "mov"])
def test_fast_start_moves_the_table_and_nothing_else(kind: str, place: PlaceFile) -> None:
    path = place(films.film(kind))
    before, facts, size = packets(path), measure_video(path), path.stat().st_size
    assert path.read_bytes().index(b"moov") > path.read_bytes().index(b"mdat")
    fast_start(path)
    assert path.read_bytes().index(b"moov") < path.read_bytes().index(b"mdat")
    assert packets(path) == before
    assert path.stat().st_size == size
    assert measure_video(path).duration_ms == facts.duration_ms
    assert [child.name for child in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "data",
    [
        films.film(movflags=FAST),
        films.film(movflags=FRAGMENTS),
        films.film("webm"),
        films.film()[:-10],
        pictures.jpeg(),
        b"",
        bytes(100),
    ],
    ids=["fast already", "fragments", "WebM", "cut off", "a picture", "empty", "zeros"],
)
def test_fast_start_leaves_what_it_cannot_help(data: bytes, place: PlaceFile) -> None:
    path = place(data)
    stamp = path.stat().st_mtime_ns
    fast_start(path)
    assert path.read_bytes() == data
    assert path.stat().st_mtime_ns == stamp


def test_a_poster_shows_the_picture_after_a_second(place: PlaceFile) -> None:
    poster = Image.open(io.BytesIO(probe_video(place(films.film(seconds=3))).poster))
    assert (poster.format, poster.size) == ("JPEG", (320, 240))
    grey = np.asarray(poster.convert("L"))[100:200, 100:200].mean()
    assert abs(grey - (40 + 25)) < 4  # the film brightens by one each frame


def test_a_poster_of_a_short_video_shows_its_last_picture(place: PlaceFile) -> None:
    poster = Image.open(io.BytesIO(probe_video(place(films.film(seconds=0.4))).poster))
    assert abs(np.asarray(poster.convert("L"))[100:200, 100:200].mean() - (40 + 9)) < 4


def test_a_large_poster_is_scaled_down(place: PlaceFile) -> None:
    poster = Image.open(io.BytesIO(probe_video(place(films.film(seconds=0.2, size=(720, 1280)))).poster))
    assert poster.size == (540, 960)


def test_whatever_happens_to_a_file_it_is_measured_or_refused(place: PlaceFile) -> None:
    chance = np.random.default_rng(20261121)
    good = [films.film(kind, 1) for kind in films.FORMS]
    outcomes = set()
    for number in range(90):
        data = bytearray(good[number % len(good)])
        for at in chance.integers(0, len(data), chance.integers(1, 12)):
            data[at] = chance.integers(0, 256)
        path = place(bytes(data))
        try:
            fast_start(path)
            measure_video(path)
            outcomes.add("measured")
        except UnreadableVideo as refused:
            outcomes.add(refused.code)
    assert outcomes >= {"measured", VideoFault.DAMAGED}


@pytest.mark.parametrize("tail", TAILS.values(), ids=TAILS)
@pytest.mark.parametrize(
    ("kind", "options"),
    [("mp4", {}), ("mp4", {"movflags": FAST}), ("mp4", {"movflags": FRAGMENTS}), ("webm", {}), ("webm", {"live": "1"})],
)
def test_what_stands_behind_a_video_is_no_part_of_it(
    kind: str, options: dict[str, str], tail: bytes, place: PlaceFile
) -> None:
    path = place(films.film(kind, 2, **options) + tail)
    fast_start(path)
    facts = measure_video(path)
    assert (facts.duration_ms, facts.fps) == (2000, 25.0)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.98])
def test_a_live_webm_that_was_cut_off_is_found_out(share: float, place: PlaceFile) -> None:
    data = films.film("webm", 3, live="1")
    assert refusal(place(data[: int(len(data) * share)]))[0] == VideoFault.CUT_OFF


def test_what_a_header_says_of_the_length_is_no_promise(place: PlaceFile) -> None:
    data = bytearray(films.film(movflags=FAST))
    at = data.index(b"mvhd") + 20
    data[at : at + 4] = (60_000).to_bytes(4)
    assert measure_video(place(bytes(data))).duration_ms == 3000


def test_a_last_picture_that_says_it_stays_for_ever_lasts_as_long_as_the_sound(place: PlaceFile) -> None:
    data = bytearray(films.film(movflags=FAST, sound=False))
    at = data.index(b"stts")
    count, lasting = (int.from_bytes(data[at + place : at + place + 4]) for place in (12, 16))
    assert int.from_bytes(data[at + 8 : at + 12]) == 1
    # One frame of the same kind less, and the last one of a hundred seconds, in a list that is eight bytes longer.
    longer = data[: at + 8] + (2).to_bytes(4) + (count - 1).to_bytes(4) + lasting.to_bytes(4)
    longer += (1).to_bytes(4) + (2500 * lasting).to_bytes(4) + data[at + 20 :]
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stts"):
        box = longer.index(kind) - 4
        longer[box : box + 4] = (int.from_bytes(longer[box : box + 4]) + 8).to_bytes(4)
    first = longer.index(b"stco") + 12
    longer[first : first + 4] = (int.from_bytes(longer[first : first + 4]) + 8).to_bytes(4)
    assert measure_video(place(bytes(longer))).duration_ms == 3000
