"""``python -m tests.support.forker``: runs what it is sent, each time in a process that is new.

Django is set up once, here, and each process is a fork of this one, so that it costs no start of Python. It touches no
database itself, and ends with its input. A line of JSON in, a line of JSON out:

- ``{"ask": code}`` runs lines of Python: how they ended, and what they printed on either output.
- ``{"start": arguments, "log": path}`` begins a program in a session of its own: its process number.
- ``{"ended": pid}``: the code that the program has ended with, negative for a signal, or null while it runs.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import sys
from tempfile import TemporaryFile
from typing import IO, Any

gc.set_threshold(50_000, 20, 50)  # most of what is made here is imported and stays

import django  # noqa: E402
from django.urls import reverse  # noqa: E402


def main() -> None:
    django.setup()
    reverse("home")  # loads every view, which each process would load again
    while line := sys.stdin.readline():
        asked: dict[str, Any] = json.loads(line)
        if "ended" in asked:
            pid, status = os.waitpid(asked["ended"], os.WNOHANG)
            _answer(os.waitstatus_to_exitcode(status) if pid else None)
        elif "start" in asked:
            child = os.fork()
            if child == 0:
                _run(asked["start"], asked["log"])
                return
            _answer(child)
        elif _ask(asked["ask"]):
            return


def _ask(code: str) -> bool:
    """Whether this is the process that did it, which is to end."""
    with TemporaryFile() as out, TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            _redirect(out.fileno(), err.fileno())
            exec(code, {"__name__": "__main__", "json": json})
            return True
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        _answer([ended, _text(out), _text(err)])
        return False


def _run(arguments: list[str], log: str) -> None:
    os.setsid()
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    _redirect(file, file)
    sys.argv = arguments
    runpy.run_path(arguments[0], run_name="__main__")


def _redirect(out: int, err: int) -> None:
    for number, file in ((0, os.open(os.devnull, os.O_RDONLY)), (1, out), (2, err)):
        os.dup2(file, number)


def _answer(found: Any) -> None:
    print(json.dumps(found), flush=True)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


if __name__ == "__main__":
    main()
