"""The sandbox's one process, a child for each job: ``python -m studio.media.sandbox.server FOLDER``."""

from __future__ import annotations

import gc
import logging
import os
import selectors
import signal
import socket
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NoReturn

from studio.media.sandbox.child import NO_MEMORY, serve_job
from studio.media.sandbox.limits import Excess, Lane, Limits, OverLimit
from studio.media.sandbox.niceness import Use, give_way, seconds_of

logger = logging.getLogger("studio.media.sandbox")

CORES = os.cpu_count() or 2
AT_ONCE = {
    Lane.JUDGE: int(os.environ.get("MEDIA_AT_ONCE") or 0) or max(2, CORES),
    Lane.CONVERT: int(os.environ.get("CONVERSIONS_AT_ONCE") or 0) or max(1, CORES // 2),
    Lane.DRAFT: int(os.environ.get("LOCAL_AT_ONCE") or 2),
}
IDLE_SECONDS = 10.0
WEIGH_EVERY = 1.0
BACKLOG = 512


@dataclass(slots=True, eq=False)
class Job:
    """A connection of somebody who waits; with an order once that has come, with a child once it has a place."""

    connection: Connection
    owner: str = ""
    limits: Limits = field(default_factory=Limits)
    reads: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    payload: bytes = b""
    pid: int = 0
    ended: int = -1  # a descriptor that tells of the child's end
    stop_at: float = 0.0
    seconds: float = 0.0  # of a processor, as far as they are noted
    excess: Excess | None = None
    heard: bool = True  # whether it is noticed when nobody waits any more


@dataclass(slots=True)
class Queue:
    """Jobs of one lane. Owners take turns, and one owner never has all places of several."""

    places: int
    waiting: list[Job] = field(default_factory=list)
    running: list[Job] = field(default_factory=list)
    turns: dict[str, int] = field(default_factory=dict)  # by owner: when it was last let in
    turn: int = 0

    def let_in(self) -> Job | None:
        if len(self.running) >= self.places:
            return None
        out = Counter(job.owner for job in self.running)
        ready = [job for job in self.waiting if out[job.owner] < max(1, self.places - 1)]
        job = min(ready, key=lambda one: self.turns.get(one.owner, 0), default=None)
        if job:
            self.waiting.remove(job)
            self.running.append(job)
            self.turn += 1
            self.turns = {one.owner: self.turns[one.owner] for one in self.waiting if one.owner in self.turns}
            self.turns[job.owner] = self.turn
        return job

    def forget(self, job: Job) -> None:
        for jobs in (self.waiting, self.running):
            with suppress(ValueError):
                jobs.remove(job)


class Server:
    def __init__(self, folder: Path) -> None:
        self._address = folder / "socket"
        self._address.unlink(missing_ok=True)
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(self._address))
        self._door.listen(BACKLOG)
        self._door.setblocking(False)
        self._events = selectors.DefaultSelector()
        self._events.register(self._door, selectors.EVENT_READ)
        self._queues = {lane: Queue(places) for lane, places in AT_ONCE.items()}
        self._jobs: set[Job] = set()
        self._use = Use()
        self._weighed_at = time.monotonic()
        self._idle_since = time.monotonic()

    def run(self) -> None:
        while self._is_wanted():
            for key, _ in self._events.select(self._pause()):
                if key.fileobj is self._door:
                    self._welcome()
                elif key.fd == key.data.ended:
                    self._bury(key.data)
                elif key.data in self._jobs:
                    self._hear(key.data)
            self._stop_late_ones()
            self._weigh()
            for queue in self._queues.values():
                while job := queue.let_in():
                    self._start(job)

    def _is_wanted(self) -> bool:
        """False once nobody has held a connection for a while; the address is taken away before the last look."""
        if self._jobs:
            self._idle_since = time.monotonic()
        elif time.monotonic() - self._idle_since > IDLE_SECONDS:
            self._address.unlink(missing_ok=True)
            self._welcome()
            return bool(self._jobs)
        return True

    def _pause(self) -> float:
        stops = [job.stop_at - time.monotonic() for job in self._jobs if job.pid]
        return max(0.0, min([1.0, *stops]))

    def _welcome(self) -> None:
        with suppress(BlockingIOError):
            while True:
                caller, _ = self._door.accept()
                caller.setblocking(True)
                job = Job(Connection(caller.detach()))
                self._jobs.add(job)
                self._events.register(job.connection, selectors.EVENT_READ, job)

    def _hear(self, job: Job) -> None:
        """The order of whoever has come, or that nobody waits for it any longer."""
        try:
            job.owner, job.limits, job.reads, job.writes = job.connection.recv()
            job.payload = job.connection.recv_bytes()
        except (EOFError, OSError):
            self._drop(job)
            return
        self._queues[job.limits.lane].waiting.append(job)

    def _start(self, job: Job) -> None:
        job.ended, alive = os.pipe()  # its child alone holds the other end, until it ends
        job.pid = os.fork()
        if not job.pid:
            self._become_child(job)
        os.close(alive)
        job.payload = b""
        if job.limits.asks:  # the answers are for its child alone
            self._events.unregister(job.connection)
            job.heard = False
        give_way(job.pid, self._use.niceness(job.owner))
        job.stop_at = time.monotonic() + job.limits.wall_seconds
        self._events.register(job.ended, selectors.EVENT_READ, job)

    def _become_child(self, job: Job) -> NoReturn:
        os.setsid()
        self._door.close()
        self._events.close()
        for other in self._jobs - {job}:
            other.connection.close()
        serve_job(job.connection, job.payload, job.limits, job.reads, job.writes)

    def _bury(self, job: Job) -> None:
        """A child has ended: with an answer of its own, or by a limit, which is said in its place."""
        _, status, spent = os.wait4(job.pid, 0)
        self._note(job, spent.ru_utime + spent.ru_stime)
        code = os.waitstatus_to_exitcode(status)
        if code and job in self._jobs:
            excess = job.excess or _excess(code)
            logger.warning("A job of %s was ended: %s (%s).", job.owner or "nobody", excess, code)
            with suppress(OSError):
                job.connection.send(("raised", OverLimit(excess, job.limits)))
        _kill(job.pid)  # whatever it may have left behind
        self._events.unregister(job.ended)
        os.close(job.ended)
        job.pid, job.ended = 0, -1
        self._drop(job)

    def _drop(self, job: Job) -> None:
        """Nobody waits for it. Its child, if it has one, is ended, and keeps its place until it is."""
        if job in self._jobs:
            self._jobs.remove(job)
            if job.heard:
                self._events.unregister(job.connection)
            job.connection.close()
        if job.pid:
            _kill(job.pid)
        else:
            self._queues[job.limits.lane].forget(job)

    def _weigh(self) -> None:
        """Whoever uses much gives way to whoever uses little, also in the middle of one long job."""
        if time.monotonic() - self._weighed_at < WEIGH_EVERY:
            return
        self._weighed_at = time.monotonic()
        running = [job for queue in self._queues.values() for job in queue.running if job.pid]
        for job in running:
            self._note(job, seconds_of(job.pid))
        for job in running:
            give_way(job.pid, self._use.niceness(job.owner))

    def _note(self, job: Job, seconds: float) -> None:
        self._use.note(job.owner, max(0.0, seconds - job.seconds))
        job.seconds = max(job.seconds, seconds)

    def _stop_late_ones(self) -> None:
        now = time.monotonic()
        for queue in self._queues.values():
            for job in queue.running:
                if job.pid and job.stop_at < now and not job.excess:
                    job.excess = Excess.TIME
                    _kill(job.pid)


def _excess(code: int) -> Excess:
    if code == NO_MEMORY:
        return Excess.MEMORY
    return Excess.TIME if code in (-signal.SIGXCPU, -signal.SIGKILL) else Excess.CRASH


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def main() -> None:
    logging.basicConfig(format="%(asctime)s %(message)s")
    from studio.media.sandbox import decoders  # noqa: F401, PLC0415 -- loaded once, for all children

    gc.collect()
    gc.freeze()  # or a child's first full collection touches, and so copies, all that it shares
    Server(Path(sys.argv[1])).run()


if __name__ == "__main__":
    main()
