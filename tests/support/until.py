"""Waiting for what another process brings about, with a bound."""

from __future__ import annotations

import time
from collections.abc import Callable

PAUSE = 0.05


def until(holds: Callable[[], object], seconds: float, *, told: Callable[[], str] = str) -> float:
    """Seconds that it took; an error, with what ``told`` finds to say, when it does not hold within ``seconds``."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, f"not so within {seconds} s\n{told()}"
        time.sleep(PAUSE)
    return time.monotonic() - began
