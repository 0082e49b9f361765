"""One job in a child of the sandbox: confined, run, answered."""

from __future__ import annotations

import errno
import os
import pickle
import threading
import time
import traceback
from multiprocessing.connection import Connection
from typing import NoReturn

from avatarsite.outages.disk import is_full
from studio.media.sandbox import answers
from studio.media.sandbox.confine import confine
from studio.media.sandbox.limits import Limits

NO_MEMORY = 75  # the exit status of a child that had not enough
OPENCV_NO_MEMORY = -4
BAD_ALLOC = "std::bad_alloc"  # as libraries in C++ say it, OpenCV where it has no code of its own for it
ORPHAN_SECONDS = 1.0


def serve_job(connection: Connection, payload: bytes, limits: Limits, reads: list[str], writes: list[str]) -> NoReturn:
    """Answer with what the job returns or raises, and end. Its server says how it ended where it can't."""
    status = 1
    try:
        _end_with(os.getppid())
        confine(limits, reads, writes)
        connection.send(_answer(connection, payload))
        status = 0
    except MemoryError:
        status = NO_MEMORY
    except BaseException:  # noqa: BLE001 -- the last word of this process
        traceback.print_exc()
    os._exit(status)


def _answer(connection: Connection, payload: bytes) -> tuple[str, object]:
    job, args, wanted = pickle.loads(payload)  # noqa: S301 -- from our own process, by a socket that is ours alone  # nosec B301

    def ask(question: object) -> object:
        connection.send(("asked", question))
        return connection.recv()

    doors = {"progress": lambda value: connection.send(("progress", value)), "ask": ask}
    try:
        return "returned", job(*args, **{name: doors[name] for name in wanted})
    except Exception as error:
        if _wants_memory(error):
            raise MemoryError from error
        if is_full(error):
            return "raised", OSError(errno.ENOSPC, "The disk is full")
        return "raised", _that_travels(error)


def _wants_memory(error: BaseException | None) -> bool:
    """Whether a library had too little memory, and said so in its own way or took it for a fault of the file."""
    while error is not None:
        in_opencv = type(error).__module__ == "cv2" and getattr(error, "code", 0) == OPENCV_NO_MEMORY
        if in_opencv or isinstance(error, MemoryError) or str(error) == BAD_ALLOC:
            return True
        if getattr(error, "errno", 0) == errno.ENOMEM:
            return True
        error = error.__cause__ or error.__context__
    return False


def _that_travels(error: Exception) -> Exception:
    """The exception, or its text where it can't be put together again on the other side."""
    try:
        answers.read(pickle.dumps(error))
    except Exception:  # noqa: BLE001
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _end_with(parent: int) -> None:
    """A child whose server was killed has nobody who would end it."""

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(ORPHAN_SECONDS)
        os._exit(1)

    threading.Thread(target=look, daemon=True).start()
