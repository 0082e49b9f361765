from __future__ import annotations

from pathlib import Path

import pytest

from studio.media.video.transcode import ConversionFailed, container_of, conversion_of, transcode
from studio.media.video.videos import UnreadableVideo
from tests.simulators.media import Film, make_film
from tests.support.videos import measure_video

FORMATS = ["mp4", "mov", "webm"]


@pytest.fixture
def film(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    path = tmp_path / "came"
    path.write_bytes(make_film(Film(steps=12, format=request.param)))
    return path


@pytest.mark.parametrize("wanted", FORMATS)
@pytest.mark.parametrize("film", FORMATS, indirect=True)
def test_any_container_becomes_any_other_the_same_each_time(film: Path, wanted: str, tmp_path: Path) -> None:
    facts = measure_video(film)
    conversion = conversion_of(film, facts, output_format=wanted, output_quality=50, has_quality=False)
    assert conversion is not None
    made = [tmp_path / f"{number}.{wanted}" for number in (1, 2)]
    for path in made:
        transcode(film, path, conversion)
    assert made[0].read_bytes() == made[1].read_bytes()
    after = measure_video(made[0])
    assert (container_of(made[0]), after.has_audio, after.width, after.height) == (
        wanted,
        True,
        facts.width,
        facts.height,
    )
    assert abs(after.duration_ms - facts.duration_ms) <= 40


@pytest.mark.parametrize("film", ["mp4"], indirect=True)
def test_another_box_alone_encodes_nothing(film: Path) -> None:
    facts = measure_video(film)
    kept = conversion_of(film, facts, output_format="mp4", output_quality=95, has_quality=False)
    moved = conversion_of(film, facts, output_format="mov", output_quality=99, has_quality=False)
    assert kept is None
    assert moved is not None
    assert (moved.encodes, moved.sentence) == (False, "Put from MP4 into MOV by us, without encoding it again.")
    native = conversion_of(film, facts, output_format="mp4", output_quality=20, has_quality=True)
    assert native is None


@pytest.mark.parametrize("film", ["mp4"], indirect=True)
def test_a_file_that_breaks_off_leaves_nothing_behind(film: Path, tmp_path: Path) -> None:
    facts = measure_video(film)
    conversion = conversion_of(film, facts, output_format="webm", output_quality=50, has_quality=False)
    assert conversion is not None
    film.write_bytes(film.read_bytes()[:2000])
    target = tmp_path / "made.webm"
    with pytest.raises((ConversionFailed, UnreadableVideo)):
        transcode(film, target, conversion)
    assert not target.exists()
