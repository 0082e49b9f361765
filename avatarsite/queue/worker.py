"""The worker: starts a django-q2 cluster for each kind of work and keeps them alive from outside.

A cluster can wedge for ever while each of its processes looks alive. So each has a process group of its own, a canary
task goes through it every few seconds, and a group whose canary goes stale is killed whole and started again.

The clusters read a pipe that only the worker holds open. It closes when the worker is told to stop, and also when it is
killed: then each cluster finishes what it has begun, and ends.
"""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import signal
import socket
import time
import uuid
from contextlib import suppress
from datetime import datetime, timedelta
from multiprocessing.connection import Connection, Pipe

from django.conf import settings
from django.db import DatabaseError, Error, close_old_connections, connections
from django.urls import get_resolver
from django.utils.module_loading import import_string
from django_q.cluster import Cluster
from django_q.conf import Conf

from avatarsite.monitoring import tasks
from avatarsite.queue import failed_tasks, heartbeat, jobs, lease
from avatarsite.queue.clock import know_the_clock, mind_the_clock
from avatarsite.queue.schedules import sync_schedules

logger = logging.getLogger(__name__)

CANARY_EVERY = 2.0
STALE_AFTER = 20.0
START_GRACE = 10.0  # a cluster that has just started has not stamped yet
STOP_GRACE_SECONDS = 260.0  # twice the queue's longest task, and some
RESTART_PAUSE = 1.0
TICK = 0.5
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

_pipe: Connection | None = None  # the end that is read, in each of a cluster's processes


def run() -> None:
    """Start the clusters and keep them working until SIGTERM or SIGINT."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)  # they are waited for below
    sync_schedules()
    know_the_clock()
    jobs.enqueue("avatarsite.sweep")  # brings home what was dropped while nobody worked
    preload()
    worker, pipe = _name(), Pipe(duplex=False)
    groups = [Group(name, worker, pipe) for name in jobs.CLUSTERS]
    try:
        while signal.sigtimedwait(STOP_SIGNALS, TICK) is None:
            close_old_connections()
            is_set_back = _look_around()
            for group in groups:
                if is_set_back:
                    group.start_again("the clock was set back, and it would wait until then")
                group.look_after()
    finally:
        pipe[1].close()
        until = time.monotonic() + STOP_GRACE_SECONDS
        for group in groups:
            group.process.join(max(0.1, until - time.monotonic()))
            group.kill()


def _look_around() -> bool:
    """By whoever has least to do: after a step back, or a lease's holder was killed, nothing might be due for long.

    True if the clock was set back: a cluster's main process waits for moments of that clock, each half a second ahead.
    """
    is_set_back = False
    try:
        is_set_back = mind_the_clock() < timedelta()
        lease.queue_dropped()
    except Error:
        logger.exception("no database to look at")
    return is_set_back


def _name() -> str:
    """The host, for whoever has to look there, and what tells this worker from others on it."""
    return f"{socket.gethostname()[:31]} {uuid.uuid4().hex[:8]}"


def preload() -> None:
    """Load what all tasks need, so that the forked clusters share one copy of it.

    After 30 drafts a worker's 17 processes, the media sandbox among them, take 472 MB (PSS) like this, 667 MB without.
    """
    for name in jobs.registered():
        jobs.resolve(name)
    for path in settings.BEFORE_FORKS:
        import_string(path)()
    # Every page is loaded by the first link that is written.
    assert get_resolver().reverse_dict is not None  # noqa: S101
    gc.collect()
    gc.freeze()


def stopping() -> bool:
    """Whether the worker of this process has been told to stop, or is gone; asked by tasks that run long."""
    return _pipe is not None and _pipe.poll()


class Group:
    """One cluster as its worker sees it: a process group with a heartbeat."""

    def __init__(self, name: str, worker: str, pipe: tuple[Connection, Connection]) -> None:
        self.name, self.worker, self.pipe = name, worker, pipe
        self._canary_at = 0.0
        self.start()

    def start(self) -> None:
        connections.close_all()  # a connection must not have two owners
        self._stamp: datetime | None = None
        self._silent_since = time.monotonic() + START_GRACE
        self.process = multiprocessing.get_context("fork").Process(
            target=_be_a_cluster, args=(self.name, self.worker, *self.pipe)
        )
        self.process.start()

    def start_again(self, why: str) -> None:
        """Kill it and start it, with or without a database."""
        logger.error("cluster %s: %s; starting it again", self.name, why)
        self.kill()
        time.sleep(RESTART_PAUSE)
        self.start()

    def look_after(self) -> None:
        """Send the canary through it, and start it again if it is dead."""
        try:
            if time.monotonic() - self._canary_at >= CANARY_EVERY:
                self._canary_at = time.monotonic()
                jobs.enqueue("avatarsite.canary", cluster=self.name)
            if why := self._why_dead():
                self.start_again(why)
        except DatabaseError:
            # Without a database nobody can work, and that is no reason to kill anybody.
            logger.exception("cluster %s: no database to ask", self.name)
            self._silent_since = time.monotonic() + START_GRACE  # nor could it show a sign

    def _why_dead(self) -> str:
        if self.process.exitcode is not None:
            return "its main process is gone"
        if (stamp := heartbeat.stamped_at(self.worker, self.name)) != self._stamp:
            # By a clock that nobody sets.
            self._stamp, self._silent_since = stamp, max(self._silent_since, time.monotonic())
        silence = time.monotonic() - self._silent_since
        if silence < STALE_AFTER or heartbeat.is_saturated(self.worker, self.name):
            return ""
        return f"its canary is silent since {silence:.0f} s"

    def kill(self) -> None:
        """Kill the whole group, orphans of a dead main process included."""
        self.process.kill()  # by itself, should it have no group yet
        if pid := self.process.pid:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        self.process.join()
        with suppress(DatabaseError):  # what is left of the dead misleads nobody
            heartbeat.forget(self.worker, self.name)


def _be_a_cluster(name: str, worker: str, pipe: Connection, held_open: Connection) -> None:
    """Run in a process of its own, until the pipe closes."""
    global _pipe  # noqa: PLW0603 -- for those that are forked from here
    _pipe = pipe
    held_open.close()
    os.setsid()
    heartbeat.be_named(name)
    heartbeat.connect(worker, name)
    tasks.connect()
    failed_tasks.connect()
    # django-q2 takes a cluster's settings once, when it is loaded, by the environment; here it has been loaded.
    Conf.CLUSTER_NAME = name
    for option, value in settings.Q_CLUSTER["ALT_CLUSTERS"].get(name, {}).items():
        setattr(Conf, option.upper(), value)
    cluster = Cluster()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    cluster.start()
    # Its file descriptor would not tell of its end: its orphans have that, too.
    while cluster.sentinel.is_alive() and not pipe.poll(TICK):
        pass
    cluster.stop()
