"""One draft as a process of its own: ``python -m studio.media.draft.job FOLDER``.

The folder is the whole truth: ``order.json`` and the inputs go in, ``progress.json`` moves, and one of ``done.json``,
``error.json`` or ``cancelled`` ends it. The process holds a lock on ``lock`` while it lives, so anybody can tell a slow
job from a dead one. Needs no Django.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from studio.media.draft.refusal import DraftInputError

WAITING, RUNNING, DONE, FAILED, CANCELLED = "waiting", "running", "done", "failed", "cancelled"
ABANDONED = "abandoned"  # neither ended nor alive: whoever looks may start it

MAX_STARTS = 3
SLOT_POLL_SECONDS = 0.1
KEEP_SECONDS = 2 * 24 * 3600
PROGRESS_EVERY_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class JobOrder:
    portrait: str
    voice: str
    prompt: str
    output_format: str
    output_quality: int
    slots: int = 1


@dataclass(frozen=True, slots=True)
class JobState:
    word: str
    percent: int | None = None
    duration_ms: int | None = None
    code: str = ""
    message: str = ""


def write_order(folder: Path, order: JobOrder) -> None:
    _write(folder / "order.json", asdict(order))


def read_state(folder: Path) -> JobState:
    """What the folder says, without starting or stopping anything."""
    ended = _ended(folder)
    if ended:
        return ended
    with _lock(folder / "lock") as free:
        if not free:
            progress = _read(folder / "progress.json")
            return JobState(RUNNING, percent=progress["percent"]) if progress else JobState(WAITING)
        # Nobody is alive now, so nothing can end between this look and the answer.
        return _ended(folder) or _dead(folder)


def result_path(folder: Path) -> Path | None:
    done = _read(folder / "done.json")
    path = folder / done["file"] if done else None
    return path if path and path.is_file() else None


def cancel(folder: Path, *, patience_seconds: float = 5.0) -> bool:
    """Stop the job. False when it had ended before."""
    if _ended(folder):
        return (folder / "cancelled").exists()
    (folder / "cancelled").touch()
    until = time.monotonic() + patience_seconds
    while time.monotonic() < until:
        with _lock(folder / "lock") as free:
            if free:
                break
            _kill(folder)
        time.sleep(0.02)
    if (folder / "done.json").exists():
        (folder / "cancelled").unlink(missing_ok=True)
        return False
    return True


def run_job(folder: Path) -> None:
    """Render what ``order.json`` asks for. Returns at once when another process is at it, or it has ended."""
    with _lock(folder / "lock", patience_seconds=1.0) as free:
        if not free or _ended(folder):
            return
        (folder / "pid").write_text(str(os.getpid()))
        with (folder / "starts").open("ab") as starts:
            starts.write(b".")
        _prune(folder.parent)
        order = JobOrder(**_read(folder / "order.json"))
        with _slot(folder.parent / ".slots", order.slots):
            _render(folder, order)


def _render(folder: Path, order: JobOrder) -> None:
    # Imported late: a job that waits for its slot should not hold OpenCV and FFmpeg in memory.
    from studio.media.draft.engine import render_draft  # noqa: PLC0415

    unfinished = folder / f"unfinished.{order.output_format}"
    last_written = 0.0

    def progress(done: int, total: int) -> None:
        nonlocal last_written
        now = time.monotonic()
        if done == total or now - last_written > PROGRESS_EVERY_SECONDS:
            last_written = now
            _write(folder / "progress.json", {"percent": min(100, done * 100 // max(total, 1))})

    try:
        facts = render_draft(
            folder / order.portrait,
            folder / order.voice,
            unfinished,
            output_format=order.output_format,
            output_quality=order.output_quality,
            prompt=order.prompt,
            progress=progress,
        )
    except DraftInputError as error:
        _write(folder / "error.json", {"code": "unreadable_input", "message": str(error)})
        return
    except Exception as error:  # noqa: BLE001 -- whatever broke, the folder has to say so
        traceback.print_exc()
        _write(folder / "error.json", {"code": "engine_error", "message": f"{type(error).__name__}: {error}"})
        return
    finished = unfinished.with_name(f"output.{order.output_format}")
    unfinished.rename(finished)
    _write(folder / "done.json", {"file": finished.name, "duration_ms": facts.duration_ms})


def _ended(folder: Path) -> JobState | None:
    if done := _read(folder / "done.json"):
        return JobState(DONE, percent=100, duration_ms=done["duration_ms"])
    if error := _read(folder / "error.json"):
        return JobState(FAILED, code=error["code"], message=error["message"])
    return JobState(CANCELLED) if (folder / "cancelled").exists() else None


def _dead(folder: Path) -> JobState:
    starts = folder / "starts"
    if not starts.exists() or starts.stat().st_size < MAX_STARTS:
        return JobState(ABANDONED)
    message = f"The draft engine died {MAX_STARTS} times on this job."
    _write(folder / "error.json", {"code": "engine_died", "message": message})
    return JobState(FAILED, code="engine_died", message=message)


def _kill(folder: Path) -> None:
    """Kill whoever holds the lock. Its pid is written right after the lock is taken, so it may be missing a moment."""
    try:
        os.kill(int((folder / "pid").read_text()), signal.SIGKILL)
    except (FileNotFoundError, ValueError, ProcessLookupError):
        return


@contextmanager
def _lock(path: Path, *, patience_seconds: float = 0) -> Iterator[bool]:
    """Hold the lock and yield True, or yield False when another process has it.

    Patience is for a starting job: a look at its folder holds the lock for a moment too.
    """
    until = time.monotonic() + patience_seconds
    with path.open("ab") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= until:
                    yield False
                    return
                time.sleep(0.01)
            else:
                yield True
                return


@contextmanager
def _slot(folder: Path, slots: int) -> Iterator[None]:
    """Wait for one of a few seats, so that a hundred drafts do not fight over two cores."""
    folder.mkdir(exist_ok=True)
    while True:
        for number in range(slots):
            with _lock(folder / str(number)) as free:
                if free:
                    yield
                    return
        time.sleep(SLOT_POLL_SECONDS)


def _prune(root: Path) -> None:
    """Forget jobs that ended long ago; the pipeline has normally done so already."""
    before = time.time() - KEEP_SECONDS
    for other in root.iterdir():
        if other.name != ".slots" and other.is_dir() and other.stat().st_mtime < before and _ended(other):
            shutil.rmtree(other, ignore_errors=True)


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return found


def _write(path: Path, content: dict[str, Any]) -> None:
    """Write in one step and for good: a reader sees the old file or the new one, also after a power cut."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    with unfinished.open("w", encoding="utf-8") as file:
        json.dump(content, file)
        if path.name != "progress.json":
            file.flush()
            os.fsync(file.fileno())
    unfinished.rename(path)


if __name__ == "__main__":
    run_job(Path(sys.argv[1]))
