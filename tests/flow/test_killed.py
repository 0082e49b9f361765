"""The process is killed (SIGKILL) around every step; after a restart everything adds up."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.sites import fresh_site

pytestmark = pytest.mark.process

POINTS = [
    "studio.pipeline.request.write_render:before",
    "studio.pipeline.request.holds.place_hold:after",
    "studio.pipeline.request.write_render:after",  # written, not committed
    "studio.pipeline.request.take:after",
    "studio.pipeline.submit._first_claim:after",  # claimed, not committed
    "studio.pipeline.submit.claim:after",
    "studio.pipeline.submit._mark_sent:before",
    "studio.pipeline.submit._mark_sent:after",  # about to create
    "studio.pipeline.submit.record:before",  # the provider has answered, the answer is not stored
    "studio.pipeline.submit._store:after",  # stored, not committed
    "studio.pipeline.submit.record:after",
    "studio.pipeline.watch.apply_report:before",
    "studio.pipeline.reports._move:after",  # moved, not committed
    "studio.pipeline.drive.check_now:after",
    "studio.pipeline.ingest._bring_home:before",
    "studio.pipeline.ingest._download:after",
    "studio.pipeline.ingest._store:after",
    "studio.pipeline.ingest.settle_render:before",
    "studio.pipeline.settle.advance:after",  # ready, not charged, not committed
    "studio.pipeline.settle.metering.record_usage:after",  # charged, not committed
    "studio.pipeline.ingest.settle_render:after",
    "__main__.notify_render:before",
]


@pytest.mark.parametrize("point", POINTS)
def test_a_render_comes_home_after_a_kill_at(point: str, tmp_path: Path) -> None:
    with fresh_site(tmp_path) as site:
        died = site.python("-m", "tests.flow.crash", point, check=False)
        assert died.returncode == -signal.SIGKILL, died.stderr[-3000:]
        told = site.python("-m", "tests.flow.crash", "--restart")
        end = json.loads(told.stdout.strip().splitlines()[-1])
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
