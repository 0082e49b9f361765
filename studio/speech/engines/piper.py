"""Piper as a process of its own, warm for a while: a sentence in, its samples out. Nothing here imports it."""

from __future__ import annotations

import atexit
import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import wave
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from studio.media.sandbox import paths
from studio.speech.engines import launch

START_SECONDS = 30.0
SENTENCE_SECONDS = 30.0
WARM_SECONDS = 20.0
# What it takes grows with the longest sentence that it has said, and never shrinks; it is as fast with each. Resident
# after 40 of up to 90 characters: 271 MB; after one of 120: 304, 150: 345, 200: 375, 300: 487, 400: 590. The rest of a
# worker takes up to 530 MB (tests/attacks/crowd.py), and both together are to stay below 900.
MEMORY_MB = 1_000
LONGEST, SHORTEST = 150, 10  # characters that are said at once, and that are worth halving
DIGIT = 11  # characters of the words for it, in a long number
MAX_RESIDENT = 300_000_000  # bytes; one that has grown past it gives way to another, and all of it is free again
PAGE = os.sysconf("SC_PAGE_SIZE")
DONE = b"Wrote "


class PiperFailed(Exception):
    """It did not start, did not answer in time, or ended."""


class PiperEnded(PiperFailed):
    """It has ended by itself; another process may manage."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Mono, 16 bit."""

    frames: bytes
    rate: int

    @property
    def ms(self) -> float:
        return len(self.frames) / 2 / self.rate * 1000


class Piper:
    """One process with one voice at one pace."""

    def __init__(self, model: Path, scale: float, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = Path(tempfile.mkdtemp(prefix=".piper-", dir=folder))
        self._log = b""
        self._process = subprocess.Popen(
            [sys.executable, "-m", launch.__name__, str(self._folder), str(model), f"{scale:.4f}", str(MEMORY_MB)],
            cwd=paths.CODE.parent,
            env={"PATH": os.defpath, "HOME": str(self._folder), "TMPDIR": str(self._folder), "LANG": "C.UTF-8"},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._seconds = START_SECONDS
        self.pid = self._process.pid

    def say(self, sentence: str) -> Samples:
        """Raises PiperFailed; the process is of no use then."""
        assert self._process.stdin is not None  # noqa: S101 -- it has pipes
        try:
            self._process.stdin.write(f"{' '.join(sentence.split())}\n".encode())
            self._process.stdin.flush()
            wav = self._answer(time.monotonic() + self._seconds + SENTENCE_SECONDS)
            self._seconds = 0.0
            with wave.open(str(wav), "rb") as file:
                samples = Samples(file.readframes(file.getnframes()), file.getframerate())
            wav.unlink()
        except BrokenPipeError as error:
            raise PiperEnded(f"It had ended. {self._last_words()}".strip()) from error
        except (OSError, EOFError, wave.Error) as error:
            raise PiperFailed(f"{error} {self._last_words()}".strip()) from error
        return samples

    def has_grown(self) -> bool:
        pages = Path(f"/proc/{self.pid}/statm")
        return pages.exists() and int(pages.read_text().split()[1]) * PAGE > MAX_RESIDENT

    def close(self) -> None:
        """End it with all that it may have started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for pipe in (self._process.stdin, self._process.stderr):
            with suppress(OSError):
                pipe and pipe.close()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _answer(self, until: float) -> Path:
        assert self._process.stderr is not None  # noqa: S101 -- it has pipes
        with selectors.DefaultSelector() as events:
            events.register(self._process.stderr, selectors.EVENT_READ)
            while True:
                line, newline, rest = self._log.partition(b"\n")
                if newline and DONE in line:
                    self._log = rest
                    return self._folder / Path(os.fsdecode(line.partition(DONE)[2].strip())).name
                if newline:
                    self._log = rest
                    continue
                if not events.select(max(0.0, until - time.monotonic())):
                    raise PiperFailed("It has not answered in time.")
                if not (more := os.read(self._process.stderr.fileno(), 1 << 16)):
                    raise PiperEnded(f"It has ended. {self._last_words()}".strip())
                self._log += more

    def _last_words(self) -> str:
        return self._log[-300:].decode(errors="replace").strip()


@dataclass(slots=True)
class _Warm:
    """The process that this one keeps, of which there is one at most: another voice or pace ends it."""

    key: tuple[Path, float] | None = None
    piper: Piper | None = None
    used_at: float = 0.0


_lock = threading.Lock()
_warm = _Warm()


def say_all(sentences: tuple[str, ...], *, model: Path, scale: float, folder: Path) -> list[Samples]:
    """The samples of each sentence. Raises PiperFailed."""
    with _lock:
        try:
            said = [_said(sentence, (model, scale), folder) for sentence in sentences]
        except BaseException:
            _end()
            raise
        _warm.used_at = time.monotonic()
    timer = threading.Timer(WARM_SECONDS, _end_if_idle)
    timer.daemon = True
    timer.start()
    return said


def _said(sentence: str, key: tuple[Path, float], folder: Path) -> Samples:
    """By another process if one ends; what is too much for each, and what is sure to be, half by half."""
    ended: PiperEnded | None = None
    if (len(sentence) + (DIGIT - 1) * sum(map(str.isdigit, sentence))) * key[1] <= LONGEST or len(sentence) < SHORTEST:
        for _ in range(2):
            try:
                return _ready(key, folder).say(sentence)
            except PiperEnded as error:
                _end()
                ended = error
    if ended and len(sentence) < 2 * SHORTEST:
        raise ended
    parts = [_said(half, key, folder) for half in halves(sentence) if any(map(str.isalnum, half))]
    return Samples(b"".join(part.frames for part in parts), parts[0].rate)


def _ready(key: tuple[Path, float], folder: Path) -> Piper:
    if _warm.piper is None or _warm.key != key or _warm.piper.has_grown():
        _end()
        _warm.key, _warm.piper = key, Piper(*key, folder)
    return _warm.piper


def halves(sentence: str) -> tuple[str, str]:
    """Parted near the middle: where it pauses, or between two words; within one only if there is no other."""
    middle = len(sentence) // 2
    for seam in (r"(?<=[,;:–—])\s+", r"\s+"):
        places = [found.end() for found in re.finditer(seam, sentence) if abs(found.end() - middle) <= middle // 2]
        if places:
            middle = min(places, key=lambda place: abs(place - middle))
            break
    return sentence[:middle].strip(), sentence[middle:].strip()


def end() -> None:
    """Let go of the warm process."""
    with _lock:
        _end()


def _end() -> None:
    if _warm.piper:
        _warm.piper.close()
    _warm.piper = _warm.key = None


def _end_if_idle() -> None:
    with _lock:
        if time.monotonic() - _warm.used_at >= WARM_SECONDS * 0.9:
            _end()


atexit.register(end)
