"""The process is killed (SIGKILL) around every step; after a restart everything adds up."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest

from tests.support.sites import fresh_site

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("killed")]

POINTS = [
    "studio.pipeline.request.take.write_video:before",
    "studio.pipeline.request.take.holds.place_hold:after",
    "studio.pipeline.request.take.write_video:after",  # written, not committed
    "studio.pipeline.request.take.take:after",
    "studio.pipeline.submit._first_claim:after",  # claimed, not committed
    "studio.pipeline.submit.claim:after",
    "studio.pipeline.submit._mark_sent:before",
    "studio.pipeline.submit._mark_sent:after",  # about to create
    "studio.pipeline.submit.record:before",  # the provider has answered, the answer is not stored
    "studio.pipeline.submit._store:after",  # stored, not committed
    "studio.pipeline.submit.record:after",
    "studio.pipeline.watch.loop.apply_report:before",
    "studio.pipeline.reports._move:after",  # moved, not committed
    "studio.pipeline.drive.check_now:after",
    "studio.pipeline.ingest.receive._bring_home:before",
    "studio.pipeline.ingest.receive._download:after",
    "studio.pipeline.ingest.incoming_file.store_file:after",
    "studio.pipeline.ingest.receive.settle_render:before",
    "studio.pipeline.settle.advance:after",  # ready, not charged, not committed
    "studio.pipeline.settle.metering.record_usage:after",  # charged, not committed
    "studio.pipeline.ingest.receive.settle_render:after",
]


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """How each process died, and what became of its render."""
    with fresh_site(tmp_path_factory.mktemp("killed")) as site:
        told = site.python("-m", "tests.flows.crash", *POINTS, seconds=1_800)
    found: dict[str, Any] = json.loads(told.stdout.strip().splitlines()[-1])
    return found


@pytest.mark.parametrize("point", POINTS)
def test_a_render_comes_home_after_a_kill_at(point: str, ends: dict[str, Any]) -> None:
    assert ends[point]["died"] == -signal.SIGKILL
    end = ends[point]["end"]
    charge = end.pop("charge")
    assert charge > 0
    assert end == {
        "state": "ready",
        "same": True,
        "renders": 1,
        "jobs": 1,
        "usages": 1,
        "hold": "settled",
        "settled": charge,
        "spent": charge,
        "held": 0,
        "findings": [],
    }
