"""Slots: each process of this host that counts has a number of its own, and with it the files into which it counts.

By its process id every process would leave files behind; a slot is taken over by the next process, whose counts go on
where those of the last one ended. A lock of the kernel's holds it, which ends with its process and no child inherits.
"""

from __future__ import annotations

import fcntl
import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import IO

KINDS = ("counter", "histogram")  # as the library names its files
RESERVED_BYTES = 1 << 18


@dataclass(slots=True)
class Slots:
    """The slots of one folder. ``mine`` is asked at every count, so it only compares where nothing has changed."""

    folder: Path
    _process: int = 0
    _name: str = ""
    _held: IO[bytes] | None = None

    def mine(self) -> str:
        """The slot of this process; a child that was forked gets another than its parent."""
        if self._process != os.getpid():
            self.close()  # the parent's, which keeps its lock
            self._name, self._held = self._claim()
            self._process = os.getpid()
        return self._name

    def close(self) -> None:
        """Give the slot back, as the end of the process does."""
        if self._held is not None:
            self._held.close()
        self._process, self._held = 0, None

    def _claim(self) -> tuple[str, IO[bytes]]:
        host = socket.gethostname().replace("_", "-")  # an underscore divides the parts of a file's name
        for number in count():
            file = (self.folder / f"{host}-{number}.lock").open("ab")
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                file.close()
                continue
            name = f"{host}-{number}"
            self._reserve(name)
            return name, file
        raise AssertionError("there are always more numbers")

    def _reserve(self, name: str) -> None:
        """Room on the disk: into a file that is mapped and has none, a count ends its process once the disk is full."""
        for kind in KINDS:
            file = os.open(self.folder / f"{kind}_{name}.db", os.O_RDWR | os.O_CREAT, 0o640)
            try:
                with suppress(OSError):  # full already: then it takes its chance
                    os.posix_fallocate(file, 0, max(RESERVED_BYTES, os.fstat(file).st_size))
            finally:
                os.close(file)
