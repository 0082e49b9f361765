"""What runs in a process that the supervisor has forked: one cluster of the queue."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
from pathlib import Path

from django.conf import settings
from django_q.cluster import Cluster
from django_q.conf import Conf

from avatarsite import canary, failed_tasks
from avatarsite.stopping import STOP_FILE

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
PR_SET_PDEATHSIG, PR_SET_NAME = 1, 15


def run_cluster(name: str, supervisor: str, stop_file: Path) -> None:
    """Be the main process of a cluster, until it is told to stop. Signals are blocked on entry."""
    os.setsid()
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    _die_with_parent(name)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    os.environ[STOP_FILE] = str(stop_file)
    canary.connect(supervisor, name)
    failed_tasks.connect()
    _configure(name)
    Cluster().start()
    # On the way out multiprocessing waits for the sentinel, as qcluster does.


def _configure(name: str) -> None:
    """django-q2 takes a cluster's settings once, when it is loaded, by the environment; here it has been loaded."""
    Conf.CLUSTER_NAME = name
    for option, value in settings.Q_CLUSTER["ALT_CLUSTERS"].get(name, {}).items():
        setattr(Conf, option.upper(), value)


def _die_with_parent(name: str) -> None:
    """Get SIGTERM when the supervisor is killed, so that no cluster is left without one; and be told apart (Linux)."""
    if sys.platform == "linux":
        libc, parent = ctypes.CDLL(None), multiprocessing.parent_process()
        libc.prctl(PR_SET_NAME, f"cluster-{name}".encode())
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if parent is None or os.getppid() != parent.pid:
            sys.exit("The supervisor is gone.")
