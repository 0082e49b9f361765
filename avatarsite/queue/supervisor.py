"""Keeps the queue's clusters alive from outside.

qcluster can wedge for ever while each of its processes looks alive (research/billing-and-queue.md, A4). So each cluster
runs in a process group of its own, a canary task is sent through it every few seconds, and a group whose canary goes
stale is killed whole and started again. Stopping is graceful: SIGTERM to the main process only, which finishes what it
has begun; to the group it would kill workers in the middle of a task.

Clusters are forked from the supervisor, which has loaded what they need, so that all processes share one copy of it.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import tempfile
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from multiprocessing.context import ForkProcess
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connections
from django.utils import timezone

from avatarsite.queue import heartbeat, jobs
from avatarsite.queue.forked import run_cluster
from avatarsite.queue.forking import STOP_SIGNALS
from avatarsite.queue.schedules import sync_schedules

logger = logging.getLogger(__name__)

CANARY_EVERY = 2.0
STALE_AFTER = timedelta(seconds=20)
START_GRACE = timedelta(seconds=30)  # a cluster that has just started has not stamped yet
STOP_GRACE_SECONDS = 260.0  # twice the queue's longest task, and some
RESTART_PAUSE = 1.0
TICK = 0.5


@dataclass(slots=True)
class Cluster:
    """One cluster of the queue and its process group."""

    name: str
    supervisor: str
    stop_file: Path
    process: ForkProcess | None = None
    started_at: datetime = field(default_factory=timezone.now)
    last_canary: float = 0.0
    restarts: int = 0

    def start(self) -> None:
        self.started_at = timezone.now()
        self.process = multiprocessing.get_context("fork").Process(
            target=run_cluster, args=(self.name, self.supervisor, self.stop_file), name=f"cluster-{self.name}"
        )
        connections.close_all()  # a connection must not have two owners
        # Until the child has laid our handlers down, a signal to it has to wait.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        try:
            self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)

    def send_canary(self) -> None:
        if time.monotonic() - self.last_canary >= CANARY_EVERY:
            self.last_canary = time.monotonic()
            jobs.enqueue("avatarsite.canary", cluster=self.name)

    def why_dead(self) -> str:
        """What is wrong with the cluster, or an empty string."""
        if self.process is None or self.process.exitcode is not None:
            return "its main process is gone"
        now = timezone.now()
        stamped = heartbeat.stamped_at(self.supervisor, self.name)
        silent_since = max(filter(None, [stamped, self.started_at + START_GRACE - STALE_AFTER]))
        if now - silent_since < STALE_AFTER or self._saturated():
            return ""
        return f"its canary is silent since {(now - silent_since).total_seconds():.0f} s"

    def _saturated(self) -> bool:
        alive = [pid for pid in heartbeat.busy_pids(self.supervisor, self.name) if Path(f"/proc/{pid}").exists()]
        mine = settings.Q_CLUSTER | settings.Q_CLUSTER["ALT_CLUSTERS"].get(self.name, {})
        return len(alive) >= int(mine["workers"])

    def restart(self, why: str) -> None:
        logger.error("cluster %s: %s; starting it again", self.name, why)
        self.kill()
        heartbeat.forget(self.supervisor, self.name)
        self.restarts += 1
        time.sleep(RESTART_PAUSE)
        self.start()

    def kill(self) -> None:
        """Kill the whole group, orphans of a dead main process included."""
        if self.process is not None and self.process.pid:
            self.process.kill()  # by itself, should it have no group yet
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.join()

    def ask_to_stop(self) -> None:
        if self.process is not None:
            self.process.terminate()


@dataclass(slots=True)
class Supervisor:
    clusters: tuple[str, ...] = jobs.CLUSTERS
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    told_to_stop: bool = False

    def run(self) -> None:
        """Start the clusters and keep them working until SIGTERM or SIGINT."""
        for number in STOP_SIGNALS:
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
                    heartbeat.forget(self.id, cluster.name)

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
            cluster.process.join(timeout=max(0.1, until - time.monotonic()))
        cluster.kill()
