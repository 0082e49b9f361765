"""Succession: a server takes over the listening socket of whoever was there before, so that nobody is refused between.

The socket comes open from systemd (``sd_listen_fds(3)``), or from the server itself, which becomes its next release by
``exec`` while the processes of this one go on serving. Who connects meanwhile waits in the kernel's queue.
"""

from __future__ import annotations

import fcntl
import os
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from django.core.management.base import CommandError

BACKLOG = 1024
HANDED_OVER = 3  # the first descriptor of sd_listen_fds(3)
PREDECESSORS = "WEB_PREDECESSORS"


def listening_socket(bind: tuple[str, int]) -> socket.socket:
    """The one that was handed over, else a new one. Raises CommandError."""
    told = os.environ.pop("LISTEN_PID", ""), os.environ.pop("LISTEN_FDS", "")
    if told == (str(os.getpid()), "1"):
        os.set_inheritable(HANDED_OVER, False)
        return socket.socket(fileno=HANDED_OVER)
    try:
        return socket.create_server(bind, family=socket.AF_INET6 if ":" in bind[0] else socket.AF_INET, backlog=BACKLOG)
    except OSError as error:
        raise CommandError(f"{bind[0]}:{bind[1]} can’t be listened on: {error.strerror}.") from error


@dataclass(slots=True)
class Predecessors:
    """Web processes of the release before; they end in their own time once nobody holds ``go_on`` open."""

    pids: list[int]
    go_on: int

    def dismiss(self) -> None:
        if self.go_on >= 0:
            os.close(self.go_on)
            self.go_on = -1

    def are_gone(self) -> bool:
        self.pids = [pid for pid in self.pids if not _has_ended(pid)]
        return not self.pids

    def signal(self, number: int) -> None:
        for pid in self.pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def predecessors() -> Predecessors:
    """Of this very process, which was another program then."""
    go_on, *pids = os.environ.pop(PREDECESSORS, "-1").split(",")
    return Predecessors([int(pid) for pid in pids], int(go_on))


def succeed(listening: socket.socket, here: Predecessors) -> NoReturn:
    """Become the program that the command line names now."""
    kept = fcntl.fcntl(here.go_on, fcntl.F_DUPFD, HANDED_OVER + 1)
    os.dup2(listening.fileno(), HANDED_OVER)
    os.set_inheritable(HANDED_OVER, True)
    told = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", PREDECESSORS: ",".join(map(str, [kept, *here.pids]))}
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], os.environ | told)  # noqa: S606 -- our own command


def _has_ended(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True
