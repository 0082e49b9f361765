"""Client of the sandbox: asks it for a job, and starts it where nobody has."""

from __future__ import annotations

import fcntl
import logging
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from multiprocessing.connection import Client, Connection
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from studio.media.sandbox import answers, paths
from studio.media.sandbox.limits import Excess, Limits, OverLimit

logger = logging.getLogger(__name__)

Args = ParamSpec("Args")
Result = TypeVar("Result")

START_SECONDS = 20.0
TRIES = 3
_lock = threading.Lock()
_kept: dict[int, Connection] = {}


class SandboxGone(OSError):
    """The sandbox can't be started, or ended in the middle of a job more than once."""


def run(  # noqa: PLR0913 -- a job, what it is called with, and its limits
    job: Callable[..., Result],
    *args: object,
    owner: str = "",
    limits: Limits = Limits(),  # noqa: B008 -- frozen
    reads: Iterable[Path] = (),
    writes: Iterable[Path] = (),
    progress: Callable[[object], None] | None = None,
    ask: Callable[[Any], object] | None = None,
) -> Result:
    """What ``job(*args)`` returns or raises, worked out in a child that may open ``reads`` and ``writes`` alone.

    ``job`` is a function of a module, its arguments and result are pickled. Jobs of one ``owner`` leave a place for
    others. With ``progress`` the job gets a keyword argument of that name, and what it is told arrives here; whatever
    ``progress`` raises ends the job. ``ask`` is its like for a question, whose answer the job waits for: what it may
    know the answer to and not how that comes about, such as a signature. Raises OverLimit, SandboxGone.
    """
    limits = replace(limits, asks=ask is not None)
    order = (owner, limits, [str(path) for path in reads], [str(path) for path in writes])
    doors = {"progress": progress, "ask": ask}
    payload = pickle.dumps((job, args, [name for name, door in doors.items() if door]))
    keep_warm()
    for _ in range(TRIES):
        try:
            with _connected() as connection:
                connection.send(order)
                connection.send_bytes(payload)
                return _answer(connection, progress, ask)
        except answers.NoAnswer as error:
            logger.warning("A job of %s answered with what no job answers: %s.", owner or "nobody", error)
            raise OverLimit(Excess.CRASH, limits) from error
        except (EOFError, ConnectionError):
            continue
    raise SandboxGone("The media sandbox ended in the middle of a job.")


def keep_warm() -> None:
    """Hold a connection for as long as this process lives: the server ends when nobody holds one."""
    if os.getpid() in _kept:
        return
    with _lock:
        if os.getpid() not in _kept:
            _kept.clear()
            _kept[os.getpid()] = _connected()


def _answer(
    connection: Connection, progress: Callable[[object], None] | None, ask: Callable[[Any], object] | None
) -> Result:  # type: ignore[type-var]
    while True:
        word, value = answers.heard(connection)
        if word == "asked" and ask:
            connection.send(ask(value))
        elif word == "progress" and progress:
            progress(value)
        elif word == "raised":
            raise value
        elif word == "returned":
            return value  # type: ignore[no-any-return]


def _connected() -> Connection:
    address = str(_folder() / "socket")
    try:
        return Client(address, "AF_UNIX")
    except (FileNotFoundError, ConnectionError):
        return _started(address)


@cache
def _folder() -> Path:
    return paths.folder()


def _started(address: str) -> Connection:
    """One of those who found nobody starts it, and the others wait for that one."""
    until, process = time.monotonic() + START_SECONDS, None
    with (_folder() / "start").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        while True:
            try:
                return Client(address, "AF_UNIX")
            except (FileNotFoundError, ConnectionError):
                # However long its turn took to come, each looks once.
                if time.monotonic() > until:
                    break
                process = process if process and process.poll() is None else _start()
                time.sleep(0.02)
    raise SandboxGone(f"The media sandbox does not start; {_folder() / 'log'} says why.")


def _start() -> subprocess.Popen[bytes]:
    with (_folder() / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "studio.media.sandbox.server", str(_folder())],
            cwd=paths.CODE.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,
        )
    threading.Thread(target=process.wait, daemon=True).start()  # or it stays behind as a zombie
    return process
