"""What runs in a process that the supervisor has forked: one cluster of the queue."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from django.conf import settings
from django_q.cluster import Cluster
from django_q.conf import Conf

from avatarsite.queue import failed_tasks, heartbeat
from avatarsite.queue.forking import STOP_SIGNALS, die_with_parent
from avatarsite.queue.stopping import STOP_FILE


def run_cluster(name: str, supervisor: str, stop_file: Path) -> None:
    """Be the main process of a cluster, until it is told to stop. Signals are blocked on entry."""
    os.setsid()
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    die_with_parent(f"cluster-{name}")
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    os.environ[STOP_FILE] = str(stop_file)
    heartbeat.connect(supervisor, name)
    failed_tasks.connect()
    _configure(name)
    Cluster().start()
    # On the way out multiprocessing waits for the sentinel, as qcluster does.


def _configure(name: str) -> None:
    """django-q2 takes a cluster's settings once, when it is loaded, by the environment; here it has been loaded."""
    Conf.CLUSTER_NAME = name
    for option, value in settings.Q_CLUSTER["ALT_CLUSTERS"].get(name, {}).items():
        setattr(Conf, option.upper(), value)
