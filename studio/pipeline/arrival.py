"""A finished video on its way into our hands: hashed and looked at while it comes, on the other processors."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from studio.media.faststart import fast_start, is_whole_and_plain
from studio.media.growing import Growing
from studio.media.videos import Sight, VideoFacts, look_at, look_while_it_comes, sha256_of
from studio.storage import hurry, store_early, store_file

WRITE_BACK = 64_000_000


class Arrival:
    """Filled by ``add``, judged by ``check``. On leaving, whoever was still at it has ended."""

    def __init__(self, path: Path, *, early: str | None = None) -> None:
        """``early`` is the name under which it may be stored as it comes."""
        self._path, self._early = path, early

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._growing = Growing(self._path)
            stack.callback(self._growing.close)
            beside = stack.enter_context(ThreadPoolExecutor(3))
            self._parts = stack.enter_context(store_early(self._growing, self._early)) if self._early else None
            stack.enter_context(self._growing.kept())
            self._sha256 = beside.submit(_sha256_of, self._growing)
            self._sight = beside.submit(look_while_it_comes, self._growing)
            self._flushed = beside.submit(_write_back, self._growing)
            self.beside = beside.submit
            self._as_it_came = True
            self._left = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._left.__exit__(kind, error, at)

    @property
    def size(self) -> int:
        return self._growing.size

    def add(self, chunk: bytes) -> None:
        self._growing.add(chunk)

    def check(self) -> tuple[Path, VideoFacts, bytes]:
        """The whole file, what was found of it, and its poster. Raises UnreadableVideo."""
        self._growing.end()
        came, sight, sha256 = self._path, self._sight.result(), self._sha256.result()
        if sight is None or not is_whole_and_plain(came):
            sight, sha256 = self._again(sha256)
        return came, sight.facts(came.stat().st_size, sha256), sight.poster

    def _again(self, sha256: str) -> tuple[Sight, str]:
        """Looked at once it's all there: what the first look couldn't be sure of is said by this one."""
        before = self._path.stat().st_ino
        fast_start(self._path)
        moved = self._path.stat().st_ino != before
        if moved:
            self._as_it_came = False
            self._flushed = self.beside(hurry, self._path)
        return look_at(self._path), sha256_of(self._path) if moved else sha256

    def store(self, path: Path, name: str) -> str:
        """Store what became of the file. Raises OSError."""
        self._flushed.result()
        if path == self._path and name == self._early and self._as_it_came and self._parts and self._parts.finish():
            return name
        return store_file(path, name)


def _write_back(growing: Growing) -> None:
    """To the disk all along, so that little is left to wait for at the end."""
    at = 0
    while (there := growing.wait_for(at + WRITE_BACK)) >= at + WRITE_BACK:
        hurry(growing.path)
        at = there
    hurry(growing.path)


def _sha256_of(growing: Growing) -> str:
    digest = hashlib.sha256()
    for piece in growing.pieces():
        digest.update(piece)
    return digest.hexdigest()
