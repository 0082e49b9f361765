"""The web server's processes: forked from one that has loaded the site, kept alive, and stopped gracefully."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import wait
from multiprocessing.context import ForkProcess
from types import FrameType

from avatarsite.web.serving import DRAIN_SECONDS, Application, serve

logger = logging.getLogger(__name__)

BACKLOG = 1024
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
RESTART_PAUSE = 1.0  # for one that dies as it starts


class Processes:
    """``count`` processes that answer on one listening socket, until SIGTERM or SIGINT.

    Each calls what it is ``started_with`` before it serves.
    """

    def __init__(
        self,
        application: Application,
        bind: tuple[str, int],
        *,
        count: int,
        threads: int,
        started_with: Sequence[Callable[[], None]] = (),
    ) -> None:
        self._application, self._threads, self._count = application, threads, count
        self._started_with = started_with
        family = socket.AF_INET6 if ":" in bind[0] else socket.AF_INET
        self._listening = socket.create_server(bind, family=family, backlog=BACKLOG)
        self._listening.setblocking(False)
        self._running: list[ForkProcess] = []
        # The processes read what this one alone holds open: it closes when this one is killed.
        self._pipe, self._go_on = os.pipe()
        self._is_stopping = False

    def run(self) -> None:
        for number in STOP_SIGNALS:
            signal.signal(number, self._stop)
        while len(self._running) < self._count and not self._is_stopping:
            self._start()
        while not self._is_stopping:
            wait([process.sentinel for process in self._running], timeout=1)
            self._replace_the_dead()
        self._listening.close()
        self._stop_all()

    def _start(self) -> None:
        process = multiprocessing.get_context("fork").Process(target=self._be_a_child)
        # Until the child has laid its own handlers down, a signal to it has to wait.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        self._running.append(process)

    def _be_a_child(self) -> None:
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        os.close(self._go_on)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        threading.Thread(target=self._end_with_parent, daemon=True).start()
        for begin in self._started_with:
            begin()
        serve(self._application, [self._listening], self._threads)

    def _end_with_parent(self) -> None:
        os.read(self._pipe, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    def _replace_the_dead(self) -> None:
        for process in [each for each in self._running if each.exitcode is not None]:
            self._running.remove(process)
            logger.error("web process %s ended with %s; starting another", process.pid, process.exitcode)
            if self._is_stopping:
                return
            self._start()
            time.sleep(RESTART_PAUSE)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._is_stopping = True

    def _stop_all(self) -> None:
        for process in self._running:
            with suppress(ProcessLookupError):
                process.terminate()
        ends = time.monotonic() + DRAIN_SECONDS + 5
        for process in self._running:
            process.join(max(0.1, ends - time.monotonic()))
            if process.exitcode is None:
                process.kill()
                process.join()
