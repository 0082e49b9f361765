"""Growing file, which others look at while it still comes: who reads ahead of its bytes waits for them."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PIECE = 1 << 20


class BrokenOff(OSError):
    """The rest of the file does not come."""


class Growing:
    """One thread adds to the file, any number of others read it. Nothing of it is kept in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._told = 0
        self._file = path.open("w+b", buffering=0)
        self._whole = False
        self._broken = False
        self._news = threading.Condition()

    def add(self, chunk: bytes) -> None:
        left = memoryview(chunk)
        while left:
            left = left[self._file.write(left) :]
        self.size += len(chunk)
        if self.size - self._told >= PIECE:  # to wake the others for less costs more than they would do with it
            with self._news:
                self._told = self.size
                self._news.notify_all()

    def end(self) -> None:
        """It's whole."""
        with self._news:
            self._whole = True
            self._news.notify_all()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Whoever still waits at the block's end is told that nothing more comes."""
        try:
            yield
        finally:
            with self._news:
                self._broken = not self._whole
                self._news.notify_all()

    def fileno(self) -> int:
        return self._file.fileno()

    def close(self) -> None:
        self._file.close()

    def wait_for(self, size: int) -> int:
        """How much there is: at least ``size``, or all of the whole file. Raises BrokenOff."""
        with self._news:
            self._news.wait_for(lambda: self.size >= size or self._whole or self._broken)
            if self._broken:
                raise BrokenOff("The rest of the file does not come.")
            return self.size

    def read_into(self, buffer: bytearray, at: int) -> int:
        """As many bytes as the buffer takes; fewer only at the end of the whole file. Raises BrokenOff."""
        count = min(self.wait_for(at + len(buffer)) - at, len(buffer))
        return os.preadv(self._file.fileno(), [memoryview(buffer)[: max(count, 0)]], at)

    def pieces(self) -> Iterator[memoryview]:
        """All of it from the beginning, each piece good until the next one is asked for. Raises BrokenOff."""
        buffer, at = bytearray(PIECE), 0
        while count := self.read_into(buffer, at):
            yield memoryview(buffer)[:count]
            at += count
