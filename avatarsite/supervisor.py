"""Keeps the queue's clusters alive from outside.

qcluster can wedge for ever while each of its processes looks alive (research/billing-and-queue.md, A4). So each cluster
runs in a process group of its own, a canary task is sent through it every few seconds, and a group whose canary goes
stale is killed whole and started again. Stopping is graceful: SIGTERM to the main process only, which finishes what it
has begun; to the group it would kill workers in the middle of a task.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from avatarsite import canary, jobs
from avatarsite.schedules import sync_schedules

logger = logging.getLogger(__name__)

CANARY_EVERY = 2.0
STALE_AFTER = timedelta(seconds=20)
START_GRACE = timedelta(seconds=30)  # a cluster that has just started has not stamped yet
STOP_GRACE_SECONDS = 260.0  # twice the queue's longest task, and some
RESTART_PAUSE = 1.0
TICK = 0.5
STOP_FILE = "SUPERVISOR_STOP_FILE"
PR_SET_PDEATHSIG = 1


def stopping() -> bool:
    """Whether the supervisor of this process has been told to stop; asked by the long watch."""
    path = os.environ.get(STOP_FILE, "")
    return path != "" and Path(path).exists()


@dataclass(slots=True)
class Cluster:
    """One qcluster and its process group."""

    name: str
    supervisor: str
    stop_file: Path
    process: subprocess.Popen[bytes] | None = None
    started_at: datetime = field(default_factory=timezone.now)
    last_canary: float = 0.0
    restarts: int = 0

    def start(self) -> None:
        self.started_at = timezone.now()
        self.process = subprocess.Popen(
            [sys.executable, str(settings.BASE_DIR / "manage.py"), "cluster"],
            env=os.environ
            | {"Q_CLUSTER_NAME": self.name, "SUPERVISOR_ID": self.supervisor, STOP_FILE: str(self.stop_file)},
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 -- it calls one C function
        )

    def send_canary(self) -> None:
        if time.monotonic() - self.last_canary >= CANARY_EVERY:
            self.last_canary = time.monotonic()
            jobs.enqueue("avatarsite.canary", cluster=self.name)

    def why_dead(self) -> str:
        """What is wrong with the cluster, or an empty string."""
        if self.process is None or self.process.poll() is not None:
            return "its main process is gone"
        now = timezone.now()
        stamped = canary.stamped_at(self.supervisor, self.name)
        silent_since = max(filter(None, [stamped, self.started_at + START_GRACE - STALE_AFTER]))
        if now - silent_since < STALE_AFTER or self._saturated():
            return ""
        return f"its canary is silent since {(now - silent_since).total_seconds():.0f} s"

    def _saturated(self) -> bool:
        alive = [pid for pid in canary.busy_pids(self.supervisor, self.name) if Path(f"/proc/{pid}").exists()]
        mine = settings.Q_CLUSTER | settings.Q_CLUSTER["ALT_CLUSTERS"].get(self.name, {})
        return len(alive) >= int(mine["workers"])

    def restart(self, why: str) -> None:
        logger.error("cluster %s: %s; starting it again", self.name, why)
        self.kill()
        canary.forget(self.supervisor, self.name)
        self.restarts += 1
        time.sleep(RESTART_PAUSE)
        self.start()

    def kill(self) -> None:
        """Kill the whole group, orphans of a dead main process included."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def ask_to_stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)


@dataclass(slots=True)
class Supervisor:
    clusters: tuple[str, ...] = jobs.CLUSTERS
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    told_to_stop: bool = False

    def run(self) -> None:
        """Start the clusters and keep them working until SIGTERM or SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        sync_schedules()
        jobs.enqueue("studio.sweep")  # brings home what was dropped while nobody worked
        with tempfile.TemporaryDirectory(prefix="supervisor-") as folder:
            stop_file = Path(folder) / "stop"
            running = [Cluster(name, self.id, stop_file) for name in self.clusters]
            for cluster in running:
                cluster.start()
            try:
                while not self.told_to_stop:
                    self._tick(running)
                    time.sleep(TICK)
            finally:
                stop_file.touch()
                _stop_all(running)
                for cluster in running:
                    canary.forget(self.id, cluster.name)

    def _tick(self, running: list[Cluster]) -> None:
        close_old_connections()
        for cluster in running:
            try:
                cluster.send_canary()
                why = cluster.why_dead()
                if why:
                    cluster.restart(why)
            except DatabaseError:
                # Without a database nobody can work, and that is no reason to kill anybody.
                logger.exception("cluster %s: no database to ask", cluster.name)

    def _stop(self, *_: object) -> None:
        self.told_to_stop = True


def _stop_all(running: list[Cluster]) -> None:
    for cluster in running:
        cluster.ask_to_stop()
    until = time.monotonic() + STOP_GRACE_SECONDS
    for cluster in running:
        if cluster.process is not None:
            with suppress(subprocess.TimeoutExpired):
                cluster.process.wait(timeout=max(0.1, until - time.monotonic()))
        cluster.kill()


def _die_with_parent() -> None:
    """Get SIGTERM when the supervisor is killed, so that no cluster is left without one (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
