"""The content check: what it looks at, what it marks, and how long it takes."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from studio.media import judge
from studio.media.content import check
from studio.media.sandbox.confine import missing_walls
from tests.simulators.media import FRAMES_PER_STEP, Film, make_film
from tests.support.paintings import painted_portrait, painting
from tests.support.paths import SAMPLES

THRESHOLD = 0.8
FPS = 5


@pytest.fixture
def painted(tmp_path: Path) -> Path:
    path = tmp_path / "painted.jpg"
    path.write_bytes(painted_portrait())
    return path


def film(folder: Path, steps: int = 6, **also: object) -> Path:
    path = folder / "film"
    path.write_bytes(make_film(Film(steps=steps, **also)))  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("form", ["mp4", "mov", "webm"])
def test_each_format_is_marked_for_what_it_shows(tmp_path: Path, painted: Path, form: str, *, full: bool) -> None:
    shown = check(film(tmp_path, format=form, portrait=painted), full=full, threshold=THRESHOLD, seconds=60)
    assert (shown.flagged, shown.frames, shown.at_ms) == (True, 1, 0)
    face = film(tmp_path, format=form, portrait=SAMPLES / "portrait.jpg")
    clean = check(face, full=full, threshold=THRESHOLD, seconds=60)
    assert (clean.flagged, clean.score < 0.2) == (False, True)
    assert clean.frames == (6 * FRAMES_PER_STEP if full else 2)


def test_a_full_check_of_what_is_too_long_for_its_time_looks_in_even_steps(tmp_path: Path) -> None:
    found = check(film(tmp_path, steps=120), full=True, threshold=THRESHOLD, seconds=2)
    assert found.of_frames == 120 * FRAMES_PER_STEP
    assert 30 <= found.frames < found.of_frames // 2


def test_a_fast_check_sees_what_stands_between_far_key_frames(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    plain, shown = Image.new("RGB", (320, 320), (72, 96, 128)), painting().resize((320, 320))
    with av.open(str(path), "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=FPS, options={"sc_threshold": "0", "g": "1000"})
        stream.width = stream.height = 320
        stream.pix_fmt = "yuv420p"
        for number in range(60 * FPS):
            picture = shown if 20 * FPS <= number < 30 * FPS else plain
            output.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(picture), format="rgb24")))
        output.mux(stream.encode())
    found = check(path, full=False, threshold=THRESHOLD, seconds=60)
    assert (found.flagged, found.at_ms) == (True, 20_000)


def test_the_check_runs_behind_the_walls_of_the_sandbox(tmp_path: Path, painted: Path) -> None:
    assert missing_walls() == []
    told: list[object] = []
    path = film(tmp_path, portrait=painted)
    found = judge.content(path, full=True, threshold=2.0, owner="wsp_test", progress=told.append)
    assert (found.flagged, found.score > THRESHOLD, found.frames) == (False, True, 6 * FRAMES_PER_STEP)
    assert told == list(range(1, found.frames + 1))
