"""Public ids: a prefix that says what the thing is, and a ULID, so that sorting by id is sorting by time."""

from __future__ import annotations

from ulid import ULID

LENGTH = 32


def new_id(prefix: str) -> str:
    """``new_id("rnd")`` is ``rnd_01kb3x…``: 26 characters after the prefix, never guessable, never reused."""
    return f"{prefix}_{str(ULID()).lower()}"
