"""Temporary files and folders that are swept when their process was killed.

Each is locked for as long as it is used, and a lock ends with its process. So whatever is unlocked was left behind.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from django.conf import settings

from avatarsite.queue.sweeping import each

# Between its making and its lock, a file is nobody's.
YOUNG_SECONDS = 60
# Django keeps an upload that is still coming in a file of its own, which has no lock.
UNLOCKED_SECONDS = 3600


@contextmanager
def temporary_file(prefix: str) -> Iterator[IO[bytes]]:
    """A file with a name, open for writing and reading; gone at the block's end."""
    with tempfile.NamedTemporaryFile(prefix=prefix, dir=_root()) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


@contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """A folder of one's own; gone at the block's end with all that is in it."""
    with (
        tempfile.TemporaryDirectory(prefix=prefix, dir=_root(), ignore_cleanup_errors=True) as name,
        _opened(name) as at,
    ):
        fcntl.flock(at, fcntl.LOCK_EX)
        yield Path(name)


def sweep_temporary() -> int:
    """Remove what killed processes of this machine left behind; how many files and folders that were."""
    return sum(each(_root().iterdir(), _remove_if_left, "Removing what a killed process left"))


def _remove_if_left(path: Path) -> bool:
    with suppress(FileNotFoundError):
        age = time.time() - path.lstat().st_mtime
        if age < (UNLOCKED_SECONDS if path.suffix == ".upload" else YOUNG_SECONDS):
            return False
        with _opened(path) as at:
            try:
                fcntl.flock(at, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()
            return True
    return False


@contextmanager
def _opened(path: str | Path) -> Iterator[int]:
    at = os.open(path, os.O_RDONLY)
    try:
        yield at
    finally:
        os.close(at)


def _root() -> Path:
    root = Path(settings.FILE_UPLOAD_TEMP_DIR)
    root.mkdir(parents=True, exist_ok=True)
    return root
