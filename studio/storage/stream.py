"""Stream of pieces as a file that is read once, for a client that wants a file."""

from __future__ import annotations

import io
from collections.abc import Iterable


class Stream(io.RawIOBase):
    """``size`` is how many bytes were read so far."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks, self._rest, self.size = iter(chunks), memoryview(b""), 0

    def readable(self) -> bool:
        return True

    def readinto(self, target: bytearray | memoryview) -> int:  # type: ignore[override]  # typeshed has Buffer
        while not self._rest:
            try:
                self._rest = memoryview(next(self._chunks))
            except StopIteration:
                return 0
        count = min(len(target), len(self._rest))
        target[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        self.size += count
        return count
