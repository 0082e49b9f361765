"""A finished video on its way into our hands: hashed and written back while it comes, judged when it is there."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from studio.media import judge
from studio.media.video.growing_file import Growing
from studio.media.video.videos import VideoFacts, sha256_of
from studio.storage.local import hurry, store_early, store_file

WRITE_BACK = 64_000_000


class IncomingFile:
    """Filled by ``add``, judged by ``check``. On leaving, whoever was still at it has ended."""

    def __init__(self, path: Path, *, owner: str, early: str | None = None) -> None:
        """``owner`` is whose file it is; ``early`` the name under which it may be stored as it comes."""
        self._path, self._owner, self._early = path, owner, early

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._growing = Growing(self._path)
            stack.callback(self._growing.close)
            pool = stack.enter_context(ThreadPoolExecutor(3))
            self._parts = stack.enter_context(store_early(self._growing, self._early)) if self._early else None
            stack.enter_context(self._growing.kept())
            self._sha256 = pool.submit(_sha256_of, self._growing)
            self._flushed = pool.submit(_write_back, self._growing)
            self.submit = pool.submit
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
        came, before = self._path, self._path.stat().st_ino
        probe = judge.video(came, owner=self._owner)
        sha256 = self._sha256.result()
        if came.stat().st_ino != before:  # put in order, which makes another file of it
            self._as_it_came, sha256 = False, sha256_of(came)
            self._flushed = self.submit(hurry, came)
        return came, probe.facts(came.stat().st_size, sha256), probe.poster

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
