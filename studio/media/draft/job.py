"""One draft: a folder, and somebody who has it drawn in the media sandbox.

The folder is the whole truth: ``order.json`` and the inputs go in, ``progress.json`` moves, and ``end.json`` is how it
ended, written by whoever is first. A thread of a worker holds a lock on ``lock`` while it waits for the drawing, and
the sandbox ends a drawing that nobody waits for: it dies with its worker, and anybody can tell a slow job from a dead
one. Needs no Django.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

from studio.media.draft.refusal import DraftInputError
from studio.media.sandbox import Excess, Limits, OverLimit, run
from studio.media.sandbox.limits import Lane

WAITING, RUNNING, DONE, FAILED, CANCELLED = "waiting", "running", "done", "failed", "cancelled"
ABANDONED = "abandoned"  # neither ended nor alive: whoever looks may start it

MAX_STARTS = 5  # of a job whose worker dies each time
KEEP_SECONDS = 2 * 24 * 3600
LIMITS = Limits(cpu_seconds=900, wall_seconds=3_600, memory_mb=800, file_mb=1_000, lane=Lane.DRAFT)
TOO_MUCH = (
    "A draft of this portrait and this voice takes more memory or computing than this server gives to one. "
    "Use a smaller portrait or a shorter voice."
)


class _NotWantedError(Exception):
    """The job has ended otherwise, or its folder is gone."""


@dataclass(frozen=True, slots=True)
class JobOrder:
    portrait: str
    voice: str
    prompt: str
    output_format: str
    output_quality: int
    owner: str = ""  # whose it is


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
    ended = _ended(folder)
    path = _output(folder) if ended and ended.word == DONE else None
    return path if path and path.is_file() else None


def cancel(folder: Path) -> bool:
    """Stop the job: its drawing ends within a moment. False when it had ended before in another way."""
    return _end(folder, JobState(CANCELLED)).word == CANCELLED


def start_job(folder: Path) -> None:
    """Have it drawn, in a thread that ends with this process."""
    threading.Thread(target=run_job, args=(folder,), name=f"draft {folder.name}", daemon=True).start()


def run_job(folder: Path) -> None:
    """Have drawn what ``order.json`` asks for. Returns at once when somebody else is at it, or it has ended."""
    try:
        with _lock(folder / "lock", patience_seconds=1.0) as free:
            if not free or _ended(folder):
                return
            with (folder / "starts").open("ab") as starts:
                starts.write(b".")
            _prune(folder.parent)
            _end(folder, _drawn(folder))
    except (_NotWantedError, FileNotFoundError):
        if folder.is_dir() and not _ended(folder):
            raise


def _drawn(folder: Path) -> JobState:
    """How the drawing ended."""
    try:
        return JobState(DONE, percent=100, duration_ms=_draw(folder))
    except _NotWantedError:
        raise
    except DraftInputError as error:
        return JobState(FAILED, code="unreadable_input", message=str(error))
    except OverLimit as error:
        if error.excess is Excess.CRASH:
            return JobState(FAILED, code="engine_died", message="The draft engine died on this job.")
        return JobState(FAILED, code="over_limits", message=TOO_MUCH)
    except Exception as error:  # noqa: BLE001 -- whatever broke, the folder has to say so
        if folder.is_dir():
            traceback.print_exc()
        return JobState(FAILED, code="engine_error", message=f"{type(error).__name__}: {error}")


def _draw(folder: Path) -> int:
    """Length of the video in milliseconds. The child writes on a desk of its own, and on nothing that we believe."""
    from studio.media.draft.drawing import draw  # noqa: PLC0415 -- FFmpeg and OpenCV, which only the child needs

    order, desk = _order(folder), folder / "desk"
    shutil.rmtree(desk, ignore_errors=True)
    desk.mkdir()
    inputs, unfinished = (folder / order.portrait, folder / order.voice), desk / f"unfinished.{order.output_format}"
    duration_ms = run(
        draw,
        *(*inputs, unfinished, order.output_format, order.output_quality, order.prompt),
        owner=order.owner or folder.name,
        limits=LIMITS,
        reads=inputs,
        writes=[desk],
        progress=partial(_note, folder),
    )
    if unfinished.is_symlink():
        raise ValueError("The drawing is no file of its own.")
    unfinished.rename(_output(folder))
    return duration_ms


def _note(folder: Path, percent: object) -> None:
    """Write down how far the drawing is, or end it when nobody wants it any more."""
    if not folder.is_dir() or _ended(folder):
        raise _NotWantedError
    if percent is not None and _read(folder / "progress.json") != {"percent": percent}:
        _write(folder / "progress.json", {"percent": percent})


def _order(folder: Path) -> JobOrder:
    kept = _read(folder / "order.json")
    return JobOrder(**{one.name: kept[one.name] for one in fields(JobOrder) if one.name in kept})


def _output(folder: Path) -> Path:
    return folder / f"output.{_order(folder).output_format}"


def _ended(folder: Path) -> JobState | None:
    end = _read(folder / "end.json")
    return JobState(**end) if end else None


def _end(folder: Path, state: JobState) -> JobState:
    """How the job has ended: as ``state`` says, unless it had ended before."""
    if _write(folder / "end.json", asdict(state), once=True):
        return state
    return _ended(folder) or state


def _dead(folder: Path) -> JobState:
    starts = folder / "starts"
    if not starts.exists() or starts.stat().st_size < MAX_STARTS:
        return JobState(ABANDONED)
    message = f"The draft engine died {MAX_STARTS} times on this job."
    return _end(folder, JobState(FAILED, code="engine_died", message=message))


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


def _prune(root: Path) -> None:
    """Forget jobs that ended long ago; the pipeline has normally done so already."""
    before = time.time() - KEEP_SECONDS
    for other in root.iterdir():
        if other.is_dir() and other.stat().st_mtime < before and _ended(other):
            shutil.rmtree(other, ignore_errors=True)


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return found


def _write(path: Path, content: dict[str, Any], *, once: bool = False) -> bool:
    """Write in one step and for good: a reader sees the old file or the new one, also after a power cut.

    False if it is to be written ``once`` and was there.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    with unfinished.open("w", encoding="utf-8") as file:
        json.dump(content, file)
        if path.name != "progress.json":
            file.flush()
            os.fsync(file.fileno())
    if not once:
        unfinished.rename(path)
        return True
    try:
        path.hardlink_to(unfinished)
    except FileExistsError:
        return False
    finally:
        unfinished.unlink()
    return True
