"""Processes as psutil sees them, any of which may end between two questions."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import psutil

T = TypeVar("T")


def told(ask: Callable[[], T], otherwise: T) -> T:
    """What ``ask`` says of a process, or ``otherwise`` of one that has ended meanwhile."""
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):  # a zombie is a NoSuchProcess, too
        return ask()
    return otherwise


def lives(process: psutil.Process) -> bool:
    return told(lambda: process.is_running() and process.status() != psutil.STATUS_ZOMBIE, otherwise=False)
