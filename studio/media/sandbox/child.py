"""One job in a child of the sandbox: confined, run, answered."""

from __future__ import annotations

import os
import pickle
import threading
import time
import traceback
from multiprocessing.connection import Connection
from typing import NoReturn

from studio.media.sandbox.confine import confine
from studio.media.sandbox.limits import Limits

NO_MEMORY = 75  # the exit status of a child that had not enough
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
    job, args, tells = pickle.loads(payload)  # noqa: S301 -- from our own process, by a socket that is ours alone
    more = {"progress": lambda value: connection.send(("progress", value))} if tells else {}
    try:
        return "returned", job(*args, **more)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 -- raised again where it was asked for
        return "raised", _that_travels(error)


def _that_travels(error: Exception) -> Exception:
    """The exception, or its text where it can't be put together again on the other side."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 -- made here
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
