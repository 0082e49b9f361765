"""Niceness of each owner's jobs, which follows from its processor seconds of late.

Places alone are not enough: a job that has one shares the processors with all others, and one owner's long jobs would
make those of all others as slow as their number says.
"""

from __future__ import annotations

import math
import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

FREE_SECONDS = 15.0  # that nobody is held against
HALVED_EVERY = 60.0  # seconds, until half of what somebody has used is forgotten
MIN_NICENESS, MAX_NICENESS = 5, 19  # above the sandbox's own: pages and calls go first
STEP = 5  # for each doubling: a third of the weight that the kernel gives
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Use:
    """Processor seconds by owner, of which half are forgotten each minute."""

    seconds: dict[str, float] = field(default_factory=dict)
    counted_at: float = field(default_factory=time.monotonic)

    def note(self, owner: str, seconds: float) -> None:
        self._forget()
        self.seconds[owner] = self.seconds.get(owner, 0.0) + seconds

    def niceness(self, owner: str) -> int:
        """From MIN_NICENESS to MAX_NICENESS; jobs of nobody in particular are not slowed for one another."""
        self._forget()
        used = self.seconds.get(owner, 0.0) if owner else 0.0
        return min(MAX_NICENESS, MIN_NICENESS + round(STEP * math.log2(max(1.0, used / FREE_SECONDS))))

    def _forget(self) -> None:
        now = time.monotonic()
        left = 0.5 ** ((now - self.counted_at) / HALVED_EVERY)
        self.seconds = {owner: seconds * left for owner, seconds in self.seconds.items() if seconds * left > 0.1}
        self.counted_at = now


def give_way(pid: int, niceness: int) -> None:
    """For all threads of a process, each of which has a number of its own: so much above ours, and never less again."""
    wanted = os.getpriority(os.PRIO_PROCESS, 0) + niceness
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                number = int(thread.name)
                if os.getpriority(os.PRIO_PROCESS, number) < wanted:
                    os.setpriority(os.PRIO_PROCESS, number, wanted)


def seconds_of(pid: int) -> float:
    """Processor seconds that a process of ours has taken so far."""
    with suppress(OSError, ValueError):
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS
    return 0.0
