"""What processes that are forked here have in common."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
PR_SET_PDEATHSIG, PR_SET_NAME = 1, 15


def die_with_parent(name: str) -> None:
    """Get SIGTERM when the parent is killed, so that none is left without one; be told apart by ``name`` (Linux)."""
    if sys.platform == "linux":
        libc, parent = ctypes.CDLL(None), multiprocessing.parent_process()
        libc.prctl(PR_SET_NAME, name.encode())
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if parent is None or os.getppid() != parent.pid:
            sys.exit("The parent is gone.")
