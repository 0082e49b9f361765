"""Captions drawn into a video, read back by looking at its pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from studio.media import judge
from studio.media.captions.burn import burn, faces_in
from studio.media.captions.cues import Cue
from studio.media.captions.painter import LOOKS, Box, Painter
from studio.media.captions.typefaces import missing_letters, typeface_of
from studio.media.video.videos import probe_video
from tests.support.paths import ROOT

VIDEO = ROOT / "static/front/welcome.mp4"  # 512 × 512, 8.4 s, a face from 174, 65 on that is 100 wide
CUES = [Cue(500, 2_000, "Hello, and welcome to Avatar Studio:\none portrait and one voice."), Cue(3_000, 4_000, "Bye.")]
PHONE = 390
Grey = np.ndarray[Any, np.dtype[np.int16]]


@pytest.fixture(scope="module", params=LOOKS)
def burnt(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    path = tmp_path_factory.mktemp("burnt") / "captioned.mp4"
    judge.burn(VIDEO, path, CUES, request.param, owner="test", progress=lambda _frames: None)
    return str(request.param), path


def pictures(path: Path) -> Iterator[tuple[float, Grey]]:
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield frame.time or 0.0, frame.to_ndarray(format="gray").astype(np.int16)


def at(path: Path, seconds: float) -> Grey:
    return next(picture for time, picture in pictures(path) if time >= seconds)


def test_the_letters_are_in_the_lower_third_and_nothing_is_over_the_face(burnt: tuple[str, Path]) -> None:
    look, path = burnt
    before, after = at(VIDEO, 1.0), at(path, 1.0)
    changed = np.abs(after - before) > 60
    rows = np.flatnonzero(changed.any(axis=1))
    assert rows.min() > 512 * 2 / 3
    assert np.abs(after - before)[65:175, 165:285].max() < 30  # the codec's noise alone
    overlay = Painter(CUES, look, (512, 512), faces_in(VIDEO)[1]).at(1_000)
    assert overlay
    height, width = overlay.pixels.shape[:2]
    shown = after[overlay.y : overlay.y + height, overlay.x : overlay.x + width]
    opaque = overlay.pixels[..., 3] == 255
    white = opaque & (overlay.pixels[..., :3].min(axis=2) == 255)
    dark = opaque & (overlay.pixels[..., :3].max(axis=2) == 0) if look != "box" else overlay.pixels[..., 3] == 190
    assert white.sum() > 1_500
    assert shown[white].mean() - shown[dark].mean() > 120
    # The drawing and the picture agree letter by letter.
    drawn = overlay.pixels[..., :3].mean(axis=2) * (overlay.pixels[..., 3] / 255)
    assert np.corrcoef(drawn[white | dark], shown[white | dark])[0, 1] > 0.85


def test_they_come_and_go_with_their_times_and_the_sound_stays(burnt: tuple[str, Path]) -> None:
    _, path = burnt
    changes = {
        round(time, 2): bool((np.abs(after - before) > 60).sum() > 200)
        for (time, after), (_, before) in zip(pictures(path), pictures(VIDEO), strict=True)
    }
    assert [time for time, is_changed in changes.items() if is_changed] == [
        time for time in changes if 0.5 <= time < 2.0 or 3.0 <= time < 4.0
    ]
    was, now = probe_video(VIDEO), probe_video(path)
    assert (now.duration_ms, now.width, now.height, now.audio_codec) == (
        was.duration_ms,
        was.width,
        was.height,
        was.audio_codec,
    )
    sounds = []
    for each in (VIDEO, path):
        with av.open(str(each)) as container:
            sounds.append([bytes(packet) for packet in container.demux(audio=0) if packet.size])
    assert sounds[0] == sounds[1]


def test_karaoke_goes_from_word_to_word() -> None:
    painter = Painter(CUES, "karaoke", (512, 512), [])
    lit = []
    for ms in range(500, 2_000, 100):
        overlay = painter.at(ms)
        assert overlay
        yellow = (overlay.pixels[..., 2] < 120) & (overlay.pixels[..., 0] > 200) & (overlay.pixels[..., 3] > 200)
        rows, columns = np.nonzero(yellow)
        lit.append((round(float(rows.mean()) / 30), round(float(columns.mean()))))
    assert lit == sorted(lit)
    assert len(set(lit)) >= 8


@pytest.mark.parametrize("size", [(512, 512), (1280, 720), (720, 1280), (1080, 1350), (3840, 2160)])
def test_a_line_is_readable_on_a_telephone(size: tuple[int, int]) -> None:
    overlay = Painter([Cue(0, 1_000, "Hxgp")], "plain", size, []).at(0)
    assert overlay
    rows = np.flatnonzero((overlay.pixels[..., :3].min(axis=2) > 200).any(axis=1))
    assert (rows.max() - rows.min()) * PHONE / size[0] >= 12  # from the top of H to the foot of p
    assert overlay.pixels.shape[1] < size[0]


def test_a_full_line_of_wide_letters_fits() -> None:
    overlay = Painter([Cue(0, 1_000, "W" * 42)], "box", (1280, 720), []).at(0)
    assert overlay
    assert overlay.x > 0
    assert overlay.x + overlay.pixels.shape[1] < 1280


@pytest.mark.parametrize(
    ("face", "is_below"),
    [(Box(150, 60, 200, 200), True), (Box(100, 180, 300, 300), False), (Box(20, 20, 480, 480), False)],
)
def test_mouth_and_chin_stay_free_wherever_the_face_is(face: Box, is_below: bool) -> None:
    overlay = Painter(CUES, "plain", (512, 512), [face]).at(1_000)
    assert overlay
    bottom = overlay.y + overlay.pixels.shape[0]
    chin, mouth = face.y + face.height, face.y + face.height * 0.6
    assert (overlay.y >= chin) == is_below
    assert overlay.y >= chin or bottom <= mouth


@pytest.mark.parametrize(
    "text", ["Größe", "Привет", "今日は世界", "안녕하세요", "مرحبا", "שלום", "नमस्ते", "สวัสดี", "😀 ok"]
)
def test_many_scripts_have_a_typeface(text: str) -> None:
    assert missing_letters(text) == []
    overlay = Painter([Cue(0, 1_000, text)], "plain", (512, 512), []).at(0)
    assert overlay
    assert (overlay.pixels[..., 3] == 255).sum() > 100
    tofu = Painter([Cue(0, 1_000, "\U000130b8" * len(text))], "plain", (512, 512), []).at(0)
    assert tofu is None or not np.array_equal(tofu.pixels, overlay.pixels)


def test_letters_without_a_typeface_are_told() -> None:
    assert missing_letters("ok 𓂸 𐎀") == ["𐎀", "𓂸"]
    assert typeface_of("𓂸", None, 0) is None


def test_a_video_without_a_face_has_them_at_the_bottom(tmp_path: Path) -> None:
    source = tmp_path / "blue.webm"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("libvpx-vp9", rate=25, options={"deadline": "realtime"})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for _ in range(30):
            picture = np.full((240, 320, 3), (30, 60, 140), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    target = tmp_path / "captioned.webm"
    burn(source, target, [Cue(0, 1_000, "Hello.")], "plain")
    after = at(target, 0.5)
    rows = np.flatnonzero((after > 200).any(axis=1))
    assert rows.min() > 160
