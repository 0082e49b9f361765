"""How lengths, times, shapes and voices are written on pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from studio.models import Upload
from studio.templatetags import dashboard, waveform

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ms", "exact", "short"),
    [(8417, "8.417 s", "0:08"), (10_000, "10 s", "0:10"), (68_400, "68.4 s", "1:08"), (300_000, "300 s", "5:00")],
)
def test_lengths(ms: int, exact: str, short: str) -> None:
    assert (dashboard.seconds(ms), dashboard.clock(ms)) == (exact, short)


def test_an_unknown_length_shows_as_nothing() -> None:
    assert (dashboard.seconds(None), dashboard.clock(None), dashboard.took(None)) == ("", "", "")


@pytest.mark.parametrize(
    ("elapsed", "words"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (12.4, "12 s"), (59.6, "1 min 0 s"), (185, "3 min 5 s"), (3725, "1 h 2 min")],
)
def test_elapsed_times(elapsed: float, words: str) -> None:
    assert dashboard.took(elapsed) == words


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(seconds=5), "just now"),
        (timedelta(minutes=5), "5 min ago"),
        (timedelta(hours=5), "5 h ago"),
        (timedelta(days=1, hours=2), "yesterday"),
        (timedelta(days=3), "3 days ago"),
        (timedelta(days=40), "12 Oct"),
        (timedelta(days=400), "17 Oct 2025"),
        (timedelta(seconds=-90), "21 Nov 2026"),
    ],
)
def test_times_are_told_as_long_ago(age: timedelta, words: str) -> None:
    assert dashboard.ago(NOW - age, NOW) == words


def test_a_time_carries_its_exact_moment() -> None:
    assert 'datetime="2026-11-21T12:00:00+00:00" title="21 Nov 2026, 12:00:00 UTC"' in dashboard.when(NOW)


@pytest.mark.parametrize(
    ("width", "height", "word"),
    [
        (512, 512, "square"),
        (720, 1080, "2:3"),
        (1280, 720, "16:9"),
        (1283, 720, "16:9"),
        (1000, 430, "2.33:1"),
        (430, 1000, "1:2.33"),
    ],
)
def test_the_shape_of_a_portrait(width: int, height: int, word: str) -> None:
    assert dashboard.ratio(Upload(width=width, height=height)) == word


def test_a_long_voice_is_thinned_to_the_loudest_of_each_share() -> None:
    assert waveform.thinned([1, 5, 2, 9, 0, 3], 3) == [5, 9, 3]
    assert waveform.thinned([1, 2], 3) == [1, 2]
    assert waveform.thinned([], 3) == [0, 0, 0]


def test_a_quiet_voice_is_drawn_at_most_three_times_as_tall() -> None:
    assert waveform.louder([50.0, 25.0]) == [100.0, 50.0]
    assert waveform.louder([10.0]) == [30.0]
    assert waveform.louder([0.0, 0.0]) == [0.0, 0.0]


def test_a_waveform_is_one_upright_line_for_each_peak() -> None:
    assert waveform.path_of([100, 0]) == "M1.5 2V98M4.5 48.08V51.92"
