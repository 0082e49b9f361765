"""The pace of this machine, for what has to be quick: some are three times slower than others, and none is idle."""

from __future__ import annotations

import time

STEPS = 1_000_000
USUAL_SECONDS = 0.02  # for them: a third of what a slow machine took, quiet (0.065)


def pace() -> float:
    """How many times slower than an ordinary machine this one is, here and now; never less than one."""
    began = time.perf_counter()
    sum(1 for _ in range(STEPS))
    return max(1.0, (time.perf_counter() - began) / USUAL_SECONDS)


def allowed(seconds: float) -> float:
    """What an ordinary machine does within ``seconds``, here and now."""
    return seconds * pace()
