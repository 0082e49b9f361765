"""The web server's processes: forked from one that has loaded the site, kept alive, renewed and stopped gracefully."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import wait
from multiprocessing.context import ForkProcess
from types import FrameType

from avatarsite.web.serving import DRAIN_SECONDS, Application, serve
from avatarsite.web.succession import Predecessors, predecessors, succeed
from avatarsite.web.waiting import Limits

logger = logging.getLogger(__name__)

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
RENEW_SIGNAL = signal.SIGUSR2  # not SIGHUP, which also comes when a terminal is closed
RESTART_PAUSE = 1.0  # for one that dies as it starts


class Processes:
    """``count`` processes that answer on one listening socket, until SIGTERM or SIGINT.

    Each calls what it is ``started_with`` before it serves. By SIGUSR2 they are those of the code as it is now.
    """

    def __init__(
        self,
        application: Application,
        listening: socket.socket,
        *,
        count: int,
        limits: Limits,
        started_with: Sequence[Callable[[], None]] = (),
    ) -> None:
        self._application, self._limits, self._count = application, limits, count
        self._started_with = started_with
        self._listening = listening
        self._listening.setblocking(False)
        self._before = predecessors()
        self._running: list[ForkProcess] = []
        # The processes read what this one alone holds open: it closes when this one is killed.
        self._pipe, self._go_on = os.pipe()
        self._is_stopping = False
        self._is_outdated = False
        self._trial: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        for number in STOP_SIGNALS:
            signal.signal(number, self._stop)
        signal.signal(RENEW_SIGNAL, self._renew)
        while len(self._running) < self._count and not self._is_stopping:
            self._start()
        self._before.dismiss()  # no sooner: until now they have answered
        while not self._is_stopping:
            wait([process.sentinel for process in self._running], timeout=1)
            self._replace_the_dead()
            self._before.are_gone()
            self._succeed_once_tried()
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
        signal.signal(RENEW_SIGNAL, signal.SIG_IGN)
        os.close(self._go_on)
        self._before.dismiss()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        threading.Thread(target=self._end_with_parent, daemon=True).start()
        for begin in self._started_with:
            begin()
        serve(self._application, [self._listening], self._limits)

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

    def _renew(self, _number: int, _frame: FrameType | None) -> None:
        self._is_outdated = True

    def _succeed_once_tried(self) -> None:
        """Code that can't be loaded takes nobody's place."""
        if self._is_outdated and self._trial is None:
            self._trial = subprocess.Popen([sys.executable, sys.argv[0], "check"])
            self._is_outdated = False
        if self._trial is None or self._trial.poll() is None:
            return
        code, self._trial = self._trial.returncode, None
        if code:
            logger.error("the code as it is now can't be served; its check ended with %s", code)
        elif not self._is_stopping:
            signal.signal(RENEW_SIGNAL, signal.SIG_IGN)  # until the next one has a handler
            here = [process.pid for process in self._running if process.pid]
            succeed(self._listening, Predecessors([*here, *self._before.pids], self._go_on))

    def _stop_all(self) -> None:
        self._before.signal(signal.SIGTERM)
        for process in self._running:
            with suppress(ProcessLookupError):
                process.terminate()
        ends = time.monotonic() + DRAIN_SECONDS + 5
        for process in self._running:
            process.join(max(0.1, ends - time.monotonic()))
            if process.exitcode is None:
                process.kill()
                process.join()
        while not self._before.are_gone() and time.monotonic() < ends:
            time.sleep(0.1)
        self._before.signal(signal.SIGKILL)
