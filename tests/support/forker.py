"""``python -m tests.support.forker``: runs the lines of Python that it is sent, each time in a process that is new.

Django is set up once, here, and each process is a fork of this one, so that it costs no start of Python. A line of JSON
in, a line of JSON out: how it ended, and what it printed on either output. It touches no database itself, and ends with
its input.
"""

from __future__ import annotations

import json
import os
import sys
from tempfile import TemporaryFile
from typing import IO

import django


def main() -> None:
    django.setup()
    while line := sys.stdin.readline():
        with TemporaryFile() as out, TemporaryFile() as err:
            child = os.fork()
            if child == 0:
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                os.dup2(out.fileno(), 1)
                os.dup2(err.fileno(), 2)
                exec(json.loads(line), {"__name__": "__main__", "json": json})
                return
            ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            print(json.dumps([ended, _text(out), _text(err)]), flush=True)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


if __name__ == "__main__":
    main()
