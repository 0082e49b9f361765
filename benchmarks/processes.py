"""What a program costs: processor time and memory of a process and its children, as psutil sees them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil

SAMPLE_SECONDS = 1.0


@dataclass(frozen=True)
class Cost:
    """``memory`` is the most that was seen at one time: proportional set size, so shared pages count once."""

    wall: float
    processor: float
    memory: float


class Meter:
    """Watches one tree of processes. What a child has used counts on after its end."""

    def __init__(self, pid: int) -> None:
        self.pid, self._root = pid, psutil.Process(pid)
        self._used: dict[tuple[int, float], float] = {}
        self._peak = 0.0
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._thread.join()

    def processor(self) -> float:
        """Seconds of processor time so far, user and system together."""
        self._sample(memory=False)
        with self._lock:
            return sum(self._used.values())

    @contextmanager
    def span(self) -> Iterator[list[Cost]]:
        """What is used within the block; the list holds it afterwards."""
        found: list[Cost] = []
        began, used = time.monotonic(), self.processor()
        with self._lock:
            self._peak = 0.0
        self._sample(memory=True)
        yield found
        self._sample(memory=True)
        found.append(Cost(time.monotonic() - began, self.processor() - used, self._peak))

    def _watch(self) -> None:
        while not self._over.wait(SAMPLE_SECONDS):
            self._sample(memory=True)

    def _sample(self, *, memory: bool) -> None:
        with self._lock, suppress(psutil.NoSuchProcess):
            total = 0.0
            for process in (self._root, *self._root.children(recursive=True)):
                with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                    times = process.cpu_times()
                    self._used[process.pid, process.create_time()] = times.user + times.system
                    total += process.memory_full_info().pss if memory else 0
            self._peak = max(self._peak, total)
