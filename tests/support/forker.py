"""``python -m tests.support.forker FD``: forks the processes of sites, which would each load the same libraries.

It loads them once, knows no site itself, and sets up a fork for each environment that comes by the socket FD with a
socket of its own. That fork runs what it is sent there, each time in a process that is new; it touches no database
itself, and ends with its input. A line of JSON in, a line of JSON out:

- ``{"ask": code}`` runs lines of Python: how they ended, and what they printed on either output.
- ``{"start": arguments, "log": path}`` begins a program in a session of its own: its process number.
- ``{"ended": pid}``: the code that the program has ended with, negative for a signal, or null while it runs.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from socket import recv_fds, socket
from typing import IO, Any, NoReturn

gc.set_threshold(50_000, 20, 50)  # most of what is made here is imported and stays

MOST = 1 << 20  # bytes of an environment
# What every site loads, whatever its settings and its environment are. Not prometheus_client, which asks the latter.
LIBRARIES = (
    "PIL.Image",
    "av",
    "boto3",
    "cryptography.x509",
    "cv2",
    "django.core.handlers.wsgi",
    "django.db.models",
    "django.forms",
    "django.urls",
    "django.views.generic",
    "dns.resolver",
    "fido2.server",
    "fontTools.subset",
    "httpx",
    "jsonschema",
    "markdown_it",
    "mcp.server",
    "onelogin.saml2.auth",
    "openpyxl",
    "psycopg",
    "redis",
    "stripe",
    "structlog",
    "yaml",
)


def main(door: socket) -> None:
    atexit.register(last)  # the first, so that what is registered by others comes before it
    for name in LIBRARIES:
        importlib.import_module(name)
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how these have ended
    while True:
        environment, given, *_ = recv_fds(door, MOST, 1)
        if not environment:
            return
        line = socket(fileno=given[0])
        if os.fork() == 0:
            door.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.environ.clear()
            os.environ.update(json.loads(environment))
            tempfile.tempdir = None
            _serve_site(line)
            return
        line.close()


def _serve_site(line: socket) -> None:
    import django  # noqa: PLC0415 -- not before its environment is there
    from django.urls import reverse  # noqa: PLC0415

    django.setup()
    reverse("home")  # loads every view, which each process would load again
    gc.freeze()
    heard, said = line.makefile("r"), line.makefile("w")
    while text := heard.readline():
        asked: dict[str, Any] = json.loads(text)
        if "ended" in asked:
            pid, status = os.waitpid(asked["ended"], os.WNOHANG)
            _answer(said, os.waitstatus_to_exitcode(status) if pid else None)
            continue
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            child = os.fork()
            if child == 0:
                os.close(line.detach())
                _run(asked, out, err)
            if "start" in asked:
                _answer(said, child)
            else:
                ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
                _answer(said, [ended, _text(out), _text(err)])


def _run(asked: dict[str, Any], out: IO[bytes], err: IO[bytes]) -> NoReturn:
    if "ask" in asked:
        _redirect(out.fileno(), err.fileno())
        _exit_with(lambda: exec(asked["ask"], {"__name__": "__main__", "json": json}))
    os.setsid()
    log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    _redirect(log, log)
    sys.argv = asked["start"]
    _exit_with(lambda: runpy.run_path(sys.argv[0], run_name="__main__"))


def _exit_with(work: Callable[[], object]) -> NoReturn:
    """As Python ends a program, by its code, and with a traceback where it breaks."""
    try:
        work()
        code: int | str | None = 0
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 -- told
        traceback.print_exc()
        code = 1
    if isinstance(code, str):
        print(code, file=sys.stderr)
    last.code = code if isinstance(code, int) else int(code is not None)
    sys.exit(last.code)


@dataclass
class Last:
    """The last thing that a process does. To take down all that was loaded would cost it another second or two."""

    code: int = 0

    def __call__(self) -> None:
        for output in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                output.flush()
        os._exit(self.code)


def _redirect(out: int, err: int) -> None:
    for number, file in ((0, os.open(os.devnull, os.O_RDONLY)), (1, out), (2, err)):
        os.dup2(file, number)


def _answer(said: IO[str], found: Any) -> None:
    said.write(json.dumps(found) + "\n")
    said.flush()


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


last = Last()

if __name__ == "__main__":
    main(socket(fileno=int(sys.argv[1])))
