"""The parts of a long video as one file: each picture in its place, and the sound as it came."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from studio.media import judge
from studio.media.video.avc import read_sets
from studio.media.video.join import Joined, join_parts
from studio.media.video.transcode import ConversionFailed
from studio.media.video.videos import probe_video
from studio.media.voices.samples import samples_of_file

RATE = 48_000
EDGES = [0, 10 * RATE + 612, 22 * RATE - 2_311, 30 * RATE + 24_007]  # 250, 549 and 763 pictures at 25 a second
LENGTHS = (250, 299, 214)
STRETCHES = list(pairwise(EDGES))


def film(  # noqa: PLR0917 -- what films differ in
    path: Path, frames: int, grey: int, size: tuple[int, int] = (320, 240), fps: int = 25, codec: str = "libx264"
) -> Path:
    """A bar that moves by two pixels a picture over a grey ground."""
    options = (
        {"crf": "18", "preset": "veryfast", "g": "60"} if codec == "libx264" else {"crf": "20", "deadline": "realtime"}
    )
    with av.open(str(path), "w") as output:
        track: Any = output.add_stream(codec, rate=fps, options=options)
        track.width, track.height, track.pix_fmt = *size, "yuv420p"
        for number in range(frames):
            pixels = np.full((size[1], size[0], 3), grey, np.uint8)
            at = number * 2 % (size[0] - 40)
            pixels[60:120, at : at + 40] = 220
            output.mux(track.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        output.mux(track.encode(None))
    return path


@pytest.fixture
def parts(tmp_path: Path) -> list[Path]:
    """The first is too long by five pictures, the second too short by nine, the third right."""
    return [film(tmp_path / f"{grey}.mp4", frames, grey) for frames, grey in ((255, 60), (290, 90), (LENGTHS[2], 120))]


@pytest.fixture
def heard(tmp_path: Path) -> Path:
    chance = np.random.default_rng(5)
    hum = 8_000 * np.sin(np.arange(EDGES[-1]) / 40) + chance.normal(0, 400, EDGES[-1])
    path = tmp_path / "voice.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(hum.astype(np.int16).tobytes())
    return path


def as_codec(voice: Path, codec: str, kind: str, form: str, size: int) -> Path:
    path = voice.with_suffix(f".{kind}")
    with av.open(str(voice)) as source, av.open(str(path), "w", format=kind) as output:
        track = output.add_stream(codec, rate=RATE, layout="mono")
        resampler = av.AudioResampler(form, "mono", RATE, frame_size=size)
        for frame in [*source.decode(audio=0), None]:
            for piece in resampler.resample(frame):
                output.mux(track.encode(piece))
        output.mux(track.encode(None))
    return path


def shades(path: Path) -> tuple[list[int], list[Fraction]]:
    """The ground of each picture, and when it is shown."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    assert not any(frame.is_corrupt for frame in frames)
    grounds = [int(frame.to_ndarray(format="rgb24")[200:230, :, 0].mean().round()) for frame in frames]
    return grounds, [Fraction(frame.pts or 0) * (frame.time_base or 1) for frame in frames]


def join(parts: Sequence[Path], voice: Path) -> Joined:
    return join_parts(parts, STRETCHES, voice, voice.with_name("joined.mp4"))


def near(found: Sequence[int], wanted: int) -> bool:
    return all(abs(one - wanted) <= 3 for one in found)


def test_each_part_lasts_as_long_as_its_sound_to_the_picture(parts: list[Path], heard: Path) -> None:
    joined = join(parts, heard)
    grounds, times = shades(joined.path)
    assert times == [Fraction(number, 25) for number in range(763)]
    assert (joined.duration_ms, probe_video(joined.path).duration_ms) == (30_520, 30_520)
    assert near(grounds[:245], 60)
    assert near(grounds[250:544], 90)
    assert near(grounds[549:], 120)
    for end, before, after in ((250, 60, 90), (549, 90, 120)):
        fade = grounds[end - 5 : end]
        assert fade == sorted(fade)
        assert before < fade[0] < fade[-1] < after
    assert [(seam.frame, seam.at_ms, seam.hidden) for seam in joined.seams] == [
        (250, 10_000, "cross-fade"),
        (549, 21_960, "cross-fade"),
    ]
    assert all(25 < seam.score < 40 for seam in joined.seams)


def test_what_is_no_seam_is_carried_over(parts: list[Path], heard: Path) -> None:
    """Byte for byte, all but the groups of pictures before the seams."""
    joined = join(parts, heard)

    def packets(path: Path) -> list[bytes]:
        with av.open(str(path)) as container:
            return [bytes(packet) for packet in container.demux(video=0) if packet.size]

    made = packets(joined.path)
    assert made[:240] == packets(parts[0])[:240]
    assert made[250 : 250 + 240] == packets(parts[1])[:240]
    assert made[549:] == packets(parts[2])
    with av.open(str(joined.path)) as container:
        sets = read_sets(container.streams.video[0].codec_context.extradata)
    assert sets is not None
    assert sets.numbers == {0, 31}


@pytest.mark.parametrize(
    ("codec", "kind", "form", "size", "kept"),
    [
        ("libmp3lame", "mp3", "s16p", 1152, "mp3"),
        ("aac", "ipod", "fltp", 1024, "aac"),
        ("aac", "adts", "fltp", 1024, "aac"),
        ("flac", "flac", "s16", 4096, "flac"),
        ("libopus", "ogg", "flt", 960, "flac"),
        ("", "", "", 0, "flac"),
    ],
)
def test_the_sound_is_the_voice_sample_by_sample(  # noqa: PLR0917 -- what voices differ in
    parts: list[Path], heard: Path, codec: str, kind: str, form: str, size: int, kept: str
) -> None:
    voice = as_codec(heard, codec, kind, form, size) if codec else heard
    joined = join(parts, voice)
    assert probe_video(joined.path).audio_codec == kept
    with samples_of_file(voice) as given, samples_of_file(joined.path) as found:
        assert found.rate == given.rate
        assert np.array_equal(found.values[: len(given.values)], given.values)
        assert len(found.values) - len(given.values) <= (1152 if kept == "mp3" else 0)


def test_a_deep_voice_keeps_its_depth(parts: list[Path], heard: Path) -> None:
    chance = np.random.default_rng(9)
    deep = heard.with_name("deep.wav")
    values = (chance.integers(-(2**22), 2**22, EDGES[-1]) << 8).astype(np.int32)
    with av.open(str(deep), "w", format="wav") as output:
        track = output.add_stream("pcm_s24le", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(values.reshape(1, -1), "s32", "mono")
        frame.sample_rate = RATE
        output.mux([*track.encode(frame), *track.encode(None)])
    joined = join(parts, deep)
    with av.open(str(joined.path)) as container:
        found = np.concatenate([frame.to_ndarray().ravel() for frame in container.decode(audio=0)])
    assert np.array_equal(found, values)


def test_a_part_of_another_kind_is_brought_to_that_of_the_others(parts: list[Path], heard: Path) -> None:
    parts[1] = film(heard.with_name("other.mp4"), LENGTHS[1] * 30 // 25, 90, size=(480, 240), fps=30)
    grounds, times = shades(join(parts, heard).path)
    assert times == [Fraction(number, 25) for number in range(763)]
    assert near(grounds[549:], 120)
    with av.open(str(heard.with_name("joined.mp4"))) as container:
        frame = [*container.decode(video=0)][400].to_ndarray(format="rgb24")
    assert (frame.shape, int(frame[5].max())) == ((240, 320, 3), 0)
    assert near([int(frame[150, 5, 0])], 90)


def test_parts_that_can_not_be_carried_over_are_encoded(heard: Path, tmp_path: Path) -> None:
    films = [
        film(tmp_path / f"{grey}.webm", frames, grey, codec="libvpx-vp9")
        for frames, grey in zip(LENGTHS, (60, 90, 120), strict=True)
    ]
    joined = join(films, heard)
    grounds, times = shades(joined.path)
    assert times == [Fraction(number, 25) for number in range(763)]
    assert (probe_video(joined.path).video_codec, near(grounds[549:], 120)) == ("h264", True)


def test_parts_that_meet_in_one_picture_are_not_encoded_at_all(heard: Path, tmp_path: Path) -> None:
    """The bar is back at its beginning after 140 pictures."""
    once = film(tmp_path / "once.mp4", 141, 60)
    stretches = [(0, 141 * RATE // 25), (141 * RATE // 25, 282 * RATE // 25)]
    voice = heard.with_name("short.wav")
    with wave.open(str(heard)) as file, wave.open(str(voice), "wb") as short:
        short.setparams(file.getparams())
        short.writeframes(file.readframes(282 * RATE // 25))
    joined = join_parts([once, once], stretches, voice, tmp_path / "joined.mp4")
    assert [seam.hidden for seam in joined.seams] == ["same picture"]
    with av.open(str(once)) as one, av.open(str(joined.path)) as both:
        given, found = ([bytes(p) for p in film.demux(video=0) if p.size] for film in (one, both))
    assert found == given * 2


def test_it_is_done_in_the_sandbox_and_told_on_the_way(parts: list[Path], heard: Path, tmp_path: Path) -> None:
    told: list[object] = []
    target = tmp_path / "out" / "joined.mp4"
    target.parent.mkdir()
    seams = judge.join(parts, STRETCHES, heard, target, owner="w", progress=told.append)
    assert [seam["hidden"] for seam in seams] == ["cross-fade", "cross-fade"]
    assert told == list(range(0, 763, 25))
    assert [path.name for path in target.parent.iterdir()] == ["joined.mp4"]


def test_a_broken_part_leaves_nothing_behind(parts: list[Path], heard: Path) -> None:
    data = bytearray(parts[1].read_bytes())
    place = data.index(b"mdat") + 8
    data[place:-4000] = bytes(len(data) - 4000 - place)
    parts[1].write_bytes(data)
    with pytest.raises(ConversionFailed):
        join(parts, heard)
    assert sorted(path.name for path in heard.parent.glob("joined*")) == []
