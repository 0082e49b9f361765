"""The process is killed (SIGKILL) around every step of a long script; after a restart it is one video, paid once."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest

from tests.support.sites import fresh_site

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("killed_spoken")]

POINTS = [
    "studio.pipeline.request.write.speak:after",  # the speech is written, nothing committed
    "studio.pipeline.request.take.write_video:after",
    "studio.speech.rounds._mark_sent:after",
    "studio.speech.rounds._report:after",  # said, and not fetched
    "studio.speech.finish.add_upload:after",  # the voice is stored, and the speech does not name it
    "studio.speech.finish._settle:after",
    "studio.pipeline.long.sound._listen:after",  # what was heard is kept, and the listening not ended
    "studio.pipeline.spoken.holds.release_hold:after",  # nothing is held, not committed
    "studio.pipeline.spoken.write_parts:after",  # every part is held, not committed
    "studio.pipeline.spoken._let_in_whole:after",
]


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """How each process died, and what became of its video."""
    with fresh_site(tmp_path_factory.mktemp("killed_spoken")) as site:
        told = site.python("-m", "tests.flows.crash_spoken", *POINTS, seconds=1_800)
    found: dict[str, Any] = json.loads(told.stdout.strip().splitlines()[-1])
    return found


@pytest.mark.parametrize("point", POINTS)
def test_a_long_script_comes_home_after_a_kill_at(point: str, ends: dict[str, Any]) -> None:
    assert ends[point]["died"] == -signal.SIGKILL
    end = ends[point]["end"]
    charge, parts = end.pop("charge"), end.pop("parts")
    assert charge > 0
    assert parts >= 2
    assert end == {
        "state": "ready",
        "same": True,
        "seen": 1,
        "renders": parts + 1,
        "usages": parts,
        "speeches": 1,
        "said": 3,
        "voices": 1,
        "spent": charge,
        "held": 0,
        "findings": [],
    }
