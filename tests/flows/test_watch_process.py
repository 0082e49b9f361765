"""``manage.py watch``: a real process that sends and watches, and stops when it is told to."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.sites import ROOT, Site, fresh_site

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("worker")]

WITHIN = 60.0

ASK = """
from studio import demo
workspace, _ = demo.seed_demo()
print(json.dumps(demo.first_video(workspace).pk))
"""
LOOK = """
from django.utils import timezone
from studio.models import Render, WatchLease
render = Render.objects.get()
held = WatchLease.objects.filter(expires_at__gt=timezone.now()).exists()
print(json.dumps([render.state, render.jobs.count(), held]))
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with fresh_site(tmp_path) as site:
        yield site


def test_the_process_sends_and_watches_and_stops_when_told(site: Site) -> None:
    site.ask(ASK)
    process = site.start(str(ROOT / "manage.py"), "watch", log="watch.log")
    try:
        until = time.monotonic() + WITHIN
        while (seen := site.ask(LOOK))[0] != "ingesting":
            assert process.poll() is None, (site.folder / "watch.log").read_text()
            assert time.monotonic() < until, (seen, (site.folder / "watch.log").read_text())
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.wait()
    # Nobody else works here: the copy that it asked the queue for is still to be made.
    assert site.ask(LOOK) == ["ingesting", 1, False]
    assert (site.folder / "watch.log").read_text().startswith("Watching.\n")
