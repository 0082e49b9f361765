"""Processes as psutil sees them, any of which may end between two questions."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar
from urllib.parse import urlsplit

import psutil

T = TypeVar("T")


def told(ask: Callable[[], T], otherwise: T) -> T:
    """What ``ask`` says of a process, or ``otherwise`` of one that has ended meanwhile."""
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):  # a zombie is a NoSuchProcess, too
        return ask()
    return otherwise


def lives(process: psutil.Process) -> bool:
    return told(lambda: process.is_running() and process.status() != psutil.STATUS_ZOMBIE, otherwise=False)


def cut_off(pid: int) -> None:
    """End a process and all that it has started, as a power cut does: nobody starts another in a dead one's place."""
    first = psutil.Process(pid)
    first.suspend()
    for process in (*first.children(recursive=True), first):
        told(process.kill, None)


def processes_at(port: int) -> list[psutil.Process]:
    """Who listens there, and whoever that one has started."""
    listening = [
        one.pid for one in psutil.net_connections("tcp") if one.laddr.port == port and one.status == psutil.CONN_LISTEN
    ]
    masters = [psutil.Process(pid) for pid in {pid for pid in listening if pid}]
    return [*masters, *(child for master in masters for child in master.children(recursive=True))]


def port_of(url: str) -> int:
    return urlsplit(url).port or 0


@contextmanager
def hung(processes: Iterable[psutil.Process]) -> Iterator[None]:
    """Each stopped by SIGSTOP, and woken again at the end."""
    stopped = list(processes)
    for process in stopped:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in stopped:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)
