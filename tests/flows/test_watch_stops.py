"""A worker that is told to stop in the middle of a watch: it lets go soon, and whoever comes next goes on."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.sites import ROOT, Site, fresh_site

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("worker")]

WITHIN = 300.0
STOPPED_WITHIN = 40.0  # a watch that nobody stops goes on for 45 s

ASK = """
from studio.pipeline.request.batches import request_batch
from studio.pipeline.request.render_request import RenderRequest
from tests.flows.cast import make_studio
studio = make_studio(balance_micros=0, price_micros=0, voice_seconds=40)
request = RenderRequest(studio.workspace, studio.project, studio.portrait, studio.voice)
request_batch(studio.workspace, [request] * 20, user=None)
print(json.dumps(None))
"""
LOOK = """
from django.utils import timezone
from avatarsite.models import Lease
from studio.models import Render
ready = Render.objects.filter(state="ready").count()
held = Lease.objects.filter(task="studio.watch", expires_at__gt=timezone.now()).exists()
print(json.dumps([ready < 20, held]))
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with fresh_site(tmp_path) as site:
        yield site


def test_a_worker_that_is_told_to_stop_ends_its_watch_and_lets_the_lease_go(site: Site) -> None:
    site.ask(ASK)
    process = site.start(str(ROOT / "manage.py"), "worker", log="worker.log")
    try:
        until = time.monotonic() + WITHIN
        while (seen := site.ask(LOOK)) != [True, True]:
            assert process.poll() is None, (site.folder / "worker.log").read_text()
            assert time.monotonic() < until, (seen, (site.folder / "worker.log").read_text())
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=STOPPED_WITHIN) == 0
    finally:
        process.kill()
        process.wait()
    assert site.ask(LOOK) == [True, False]
