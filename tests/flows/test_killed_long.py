"""The process is killed (SIGKILL) around every step of a video of two parts; after a restart everything adds up."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest

from tests.support.sites import fresh_site

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("killed_long")]

POINTS = [
    "studio.pipeline.request.take.write_video:before",
    "studio.pipeline.long.write._write_part:after",  # one part is written and held, nothing committed
    "studio.pipeline.request.take.write_video:after",
    "studio.pipeline.long.cut.judge.cut:after",
    "studio.pipeline.long.cut._stored:after",  # the sound of one part is stored, and no row names it
    "studio.pipeline.long.cut.states.advance:after",  # rendering, not committed
    "studio.pipeline.long.work.cut_parts:after",
    "studio.pipeline.long.work._look:after",
    "studio.pipeline.long.join.judge.join:after",
    "studio.pipeline.long.join._stored:after",  # the video is stored, and no row names it
    "studio.pipeline.long.settle.ledger.keep:after",  # ready, not committed
    "studio.pipeline.long.settle.end_with_their_wholes:after",
    "studio.pipeline.long.join.settle_whole:after",
]


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """How each process died, and what became of its video."""
    with fresh_site(tmp_path_factory.mktemp("killed_long")) as site:
        told = site.python("-m", "tests.flows.crash_long", *POINTS, seconds=1_800)
    found: dict[str, Any] = json.loads(told.stdout.strip().splitlines()[-1])
    return found


@pytest.mark.parametrize("point", POINTS)
def test_a_long_video_comes_home_after_a_kill_at(point: str, ends: dict[str, Any]) -> None:
    assert ends[point]["died"] == -signal.SIGKILL
    end = ends[point]["end"]
    charge = end.pop("charge")
    assert charge > 0
    assert end == {
        "state": "ready",
        "seen": 1,
        "renders": 3,
        "parts": 2,
        "usages": 2,
        "spent": charge,
        "held": 0,
        "findings": [],
    }
