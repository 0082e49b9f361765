"""The worker, against real clusters with processes really killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import psutil
import pytest
from django.db import OperationalError

from avatarsite.queue import jobs
from avatarsite.queue.worker import STALE_AFTER, Group
from tests.support.pace import allowed
from tests.support.processes import lives
from tests.support.sites import ROOT, Site, Started, fresh_site

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("worker")]

BACK_WITHIN = 60.0
STARTED_WITHIN = 180.0


@contextmanager
def working(site: Site) -> Iterator[Started]:
    """``manage.py worker``, once both clusters have shown a first sign of life."""
    process = site.serve(str(ROOT / "manage.py"), "worker", log="worker.log")
    try:
        wait_until(lambda: len(stamps(site)) == 2, STARTED_WITHIN)
        yield process
    finally:
        family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        for member in [*family, process]:
            try:
                os.kill(member.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        process.wait()


def wait_until(true: Callable[[], bool], seconds: float) -> float:
    """Seconds that it took."""
    start = time.monotonic()
    while not true():
        if time.monotonic() - start > seconds:
            raise AssertionError(f"not so within {seconds} s")
        time.sleep(0.2)
    return time.monotonic() - start


def stamps(site: Site) -> dict[str, float]:
    """Each cluster's last sign of life as a POSIX time, read through the database itself."""
    found = site.rows("SELECT cluster, CAST(stamped_at AS text) FROM site_canary")
    moments = {cluster: datetime.fromisoformat(text) for cluster, text in found}
    return {cluster: (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() for cluster, at in moments.items()}


def clusters(process: Started) -> list[psutil.Process]:
    """The main process of each cluster, ``main`` first."""
    mains = psutil.Process(process.pid).children()
    return sorted(mains, key=lambda main: main.name())


def parts(main: psutil.Process) -> tuple[psutil.Process, list[psutil.Process], psutil.Process, psutil.Process]:
    """Sentinel, workers, monitor and pusher; django-q2 forks them in this order."""
    (sentinel,) = main.children()
    *workers, monitor, pusher = sorted(sentinel.children(), key=lambda child: child.pid)
    return sentinel, workers, monitor, pusher


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with fresh_site(tmp_path, WORKERS="2") as made:
        yield made


@pytest.mark.django_db
def test_no_cluster_counts_as_dead_for_a_database_that_was_away(monkeypatch: pytest.MonkeyPatch) -> None:
    group = object.__new__(Group)
    group.name, group.worker, group._canary_at = "main", "w", 0.0
    group.process = SimpleNamespace(exitcode=None)  # type: ignore[assignment]
    group._stamp, group._silent_since = None, time.monotonic() - STALE_AFTER
    assert group._why_dead() != ""
    with monkeypatch.context() as away:
        away.setattr(jobs, "enqueue", Mock(side_effect=OperationalError))
        group.look_after()
    assert group._why_dead() == ""


@pytest.mark.parametrize("victim", ["idle workers", "monitor", "sentinel", "main"])
def test_a_cluster_works_again_within_a_minute_when_it_loses_its(victim: str, site: Site) -> None:
    with working(site) as process:
        main = clusters(process)[0]
        sentinel, workers, monitor, _ = parts(main)
        doomed = {"idle workers": workers, "monitor": [monitor], "sentinel": [sentinel], "main": [main]}[victim]
        for part in doomed:
            part.kill()
        killed_at = time.time()
        # What was in the pipe may still be stamped at once; a later stamp is the work of a whole chain.
        wait_until(lambda: stamps(site).get("main", 0) > killed_at + 3, allowed(BACK_WITHIN))
        # Clusters are back so soon that init may not have buried the old one's dead yet.
        assert [part for part in (main, sentinel, *workers, monitor) if lives(part) and part.ppid() == 1] == []


def test_sigterm_stops_everything_and_leaves_nobody_behind(site: Site) -> None:
    with working(site) as process:
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
        assert [member for member in family if lives(member)] == []
        assert stamps(site) == {}


def test_clusters_do_not_outlive_a_killed_worker(site: Site) -> None:
    with working(site) as process:
        family = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()
        wait_until(lambda: not any(lives(member) for member in family), 60)
