"""Drafts have seats: a hundred that wait are rows, another workspace's goes soon, and none outlives its worker."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.sites import Site, fresh_site
from tests.support.until import until

pytestmark = [
    pytest.mark.process,
    pytest.mark.xdist_group("worker"),
]

WITHIN = 600.0
MAX_PROCESSES = 4  # the watch, the sandbox, its judge for no upload here, and the one draft that may be drawn
MAX_BYTES = 700_000_000

ASK = """
from studio.pipeline.request.batches import request_batch
from studio.pipeline.request.render_request import RenderRequest
from tests.flows.cast import make_studio
def ask(slug, count, seconds):
    studio = make_studio(slug=slug, balance_micros=0, price_micros=0, voice_seconds=seconds)
    request = RenderRequest(studio.workspace, studio.project, studio.portrait, studio.voice)
    request_batch(studio.workspace, [request] * count, user=None)
    print(json.dumps(None))
"""
# Asked many times, and to start Python for each would take longer than a draft.
STATES = """
SELECT count(*) FROM studio_render r JOIN workspaces_workspace w ON w.id = r.workspace_id
WHERE w.slug = ? AND r.state = ?
"""
AHEAD = """
from studio.models import ProviderJob
job = ProviderJob.objects.get(render__workspace__slug="second")
theirs = ProviderJob.objects.filter(render__workspace__slug="crowd", created_at__lt=job.created_at)
sent = theirs.filter(created_at__gt=job.render.created_at).count()
out = theirs.filter(created_at__lt=job.render.created_at, finished_at__gt=job.render.created_at).count()
print(json.dumps([sent, out]))
"""


WATCH = """
import math, time
import django
django.setup()
from studio.pipeline.watch.loop import watch
while True:
    watch(run_seconds=math.inf)
    time.sleep(0.5)
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with fresh_site(tmp_path) as site:
        yield site


def ask(site: Site, slug: str, count: int, *, seconds: float = 2.0) -> None:
    site.ask(f"{ASK}\nask({slug!r}, {count}, {seconds})")


def count(site: Site, slug: str, state: str) -> int:
    ((found,),) = site.rows(STATES, slug, state)
    return int(found)


def drawn(site: Site, slug: str) -> int:
    return count(site, slug, "ingesting")


def processes(site: Site) -> list[psutil.Process]:
    """Every process of this site, whoever started it, but the one that is asked about it."""
    found = []
    for one in psutil.process_iter():
        try:
            is_ours = one.environ().get("VAR_DIR") == str(site.folder) and "tests.support.forker" not in one.cmdline()
            if is_ours and one.status() != psutil.STATUS_ZOMBIE:
                found.append(one)
        except (psutil.AccessDenied, psutil.NoSuchProcess):
            continue
    return found


def pss(found: list[psutil.Process]) -> int:
    total = 0
    for one in found:
        try:
            total += one.memory_full_info().pss
        except (psutil.AccessDenied, psutil.NoSuchProcess):
            continue
    return total


def watch_log(site: Site) -> Callable[[], str]:
    return lambda: (site.folder / "watch.log").read_text()[-3000:]


def watching(site: Site) -> subprocess.Popen[bytes]:
    """A process with the watch alone: nobody brings home what has been drawn."""
    return site.start("-c", WATCH, log="watch.log")


def test_a_hundred_and_fifty_drafts_are_rows_and_another_workspace_waits_for_two(site: Site) -> None:
    ask(site, "crowd", 150)
    process = watching(site)
    try:
        until(lambda: drawn(site, "crowd") >= 2, WITHIN, told=watch_log(site))
        seen = processes(site)
        assert (len(seen) <= MAX_PROCESSES, pss(seen) < MAX_BYTES) == (True, True), (seen, pss(seen))
        ask(site, "second", 1)
        until(lambda: drawn(site, "second"), WITHIN, told=watch_log(site))
        sent_before, being_drawn = site.ask(AHEAD)
        # What was under way when it was asked for; another one only if that ended in the same moment.
        assert (sent_before <= 1, being_drawn <= 1) == (True, True)
        assert (count(site, "crowd", "rendering") <= 1, len(processes(site)) <= MAX_PROCESSES) == (True, True)
    finally:
        process.kill()
        process.wait()


def test_a_draft_dies_with_its_worker_and_is_made_again_by_the_next(site: Site) -> None:
    ask(site, "crowd", 1, seconds=40)
    process = watching(site)
    jobs = site.folder / "draft-engine"
    try:
        until(lambda: any(jobs.glob("*/starts")) and count(site, "crowd", "rendering"), WITHIN, told=watch_log(site))
        process.send_signal(signal.SIGKILL)
        process.wait()
        until(lambda: processes(site) == [], 120, told=watch_log(site))
        assert (drawn(site, "crowd"), count(site, "crowd", "rendering")) == (0, 1)
        process = watching(site)
        until(lambda: drawn(site, "crowd") == 1, WITHIN, told=watch_log(site))
        (starts,) = jobs.glob("*/starts")
        assert starts.read_bytes() == b".."
    finally:
        process.kill()
        process.wait()
