"""Secrets that a machine makes once for itself and keeps in a file."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path


def kept_secret(path: Path, make: Callable[[], str]) -> str:
    """The secret in ``path``; made if there is none, once for all processes, which may start together."""
    kept = path.read_text(encoding="utf-8").strip() if path.exists() else ""
    return kept or _made(path, make)


def _made(path: Path, make: Callable[[], str]) -> str:
    with open(path, "a+", encoding="utf-8", opener=_of_the_owner_alone) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        kept = file.read().strip()
        if not kept:
            kept = make()
            file.write(kept)
        return kept


def _of_the_owner_alone(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
