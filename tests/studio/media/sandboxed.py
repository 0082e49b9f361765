"""Jobs that a sandbox has to hold: what a hostile file would make a decoder do."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2

from studio.media.errors import Refusal, UploadRefused


def add(first: int, second: int) -> int:
    return first + second


def refuse() -> None:
    raise UploadRefused(Refusal.VOICE_SILENT, "The voice is silent.", "Record it again.")


class Odd(Exception):
    """Can't be put together again by pickle."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(one + other)


def fail_oddly() -> None:
    raise Odd("a", "b")


class TakenOver:
    """What a file that has taken its decoder over answers with."""

    def __init__(self, *call: object) -> None:
        self.call = call

    def __reduce__(self) -> tuple[object, object]:
        return self.call[0], self.call[1:]


def answer_with(*call: object) -> object:
    return TakenOver(*call)


def much(megabytes: int) -> bytes:
    return bytes(megabytes * 1_000_000)


def read(path: Path) -> bytes:
    return path.read_bytes()


def write(path: Path, size: int = 3) -> None:
    path.write_bytes(bytes(size))


def connect(port: int) -> None:
    socket.create_connection(("127.0.0.1", port), timeout=1)


def run_a_program() -> int:
    return subprocess.run([sys.executable, "-c", ""], check=False).returncode


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def eat(megabytes: int) -> int:
    return len(bytearray(os.urandom(1)) * (megabytes * 1_000_000))


def run_out_in_opencv() -> None:
    """As it tells of memory that C++ could not get: without its own code for that."""
    raise cv2.error("std::bad_alloc")


def spin() -> None:
    while True:
        pass


def sleep(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def say_pid_and_sleep(seconds: float, progress: Callable[[object], None]) -> None:
    progress(os.getpid())
    time.sleep(seconds)


def wait_for(file: Path, progress: Callable[[object], None] | None = None) -> None:
    if progress:
        progress(os.getpid())
    while not file.exists():
        time.sleep(0.02)


def abort() -> None:
    os.abort()


def count(last: int, progress: Callable[[object], None]) -> int:
    for number in range(last):
        progress(number)
    return last


def niceness_of_this(wanted: int) -> int:
    """Whoever started it says it once it is there."""
    ends = time.monotonic() + 20
    while (now := os.getpriority(os.PRIO_PROCESS, 0)) < wanted and time.monotonic() < ends:
        time.sleep(0.02)
    return now
