"""Whoever uses much of the sandbox gives way, and it is forgotten."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing import Pipe
from pathlib import Path

import psutil
import pytest

from studio.media.sandbox import niceness, server
from studio.media.sandbox.client import run
from studio.media.sandbox.limits import Lane
from studio.media.sandbox.niceness import HALVED_EVERY, MIN_NICENESS, Use, give_way, seconds_of
from tests.studio.media import sandboxed
from tests.support.paths import ROOT

ROOM = ROOT / "tests"
OURS = os.getpriority(os.PRIO_PROCESS, 0)
TWO_THREADS = "import threading\nthreading.Thread(target=lambda: sum(iter(int, 1))).start()\nsum(iter(int, 1))"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    now = [time.monotonic()]  # where whoever is made now begins, however long the machine has run
    monkeypatch.setattr(niceness.time, "monotonic", lambda: now[0])
    yield now
    monkeypatch.undo()


@pytest.fixture
def busy() -> Iterator[psutil.Process]:
    with subprocess.Popen([sys.executable, "-c", TWO_THREADS]) as process:
        yield psutil.Process(process.pid)
        process.kill()


def wait_until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_each_doubling_is_a_step(clock: list[float]) -> None:
    del clock
    use, found = Use(), []
    for seconds in (15, 15, 30, 60, 6_000):
        use.note("much", seconds)
        found.append(use.niceness("much"))
    assert (found, use.niceness("another")) == ([5, 10, 15, 19, 19], 5)


def test_what_nobody_in_particular_uses_slows_nobody(clock: list[float]) -> None:
    del clock
    use = Use()
    use.note("", 6_000)
    assert use.niceness("") == 5


def test_half_is_forgotten_each_minute_and_whoever_has_nothing_left(clock: list[float]) -> None:
    use = Use()
    use.note("much", 120)
    found = []
    for _ in range(3):
        clock[0] += HALVED_EVERY
        found.append(use.niceness("much"))
    assert found == [15, 10, 5]
    clock[0] += 20 * HALVED_EVERY
    use.note("another", 1)
    assert use.seconds.keys() == {"another"}


def test_every_thread_gives_way_and_none_gets_back(busy: psutil.Process) -> None:
    wait_until(lambda: len(busy.threads()) == 2)
    for wanted in (7, 3):
        give_way(busy.pid, wanted)
        assert [os.getpriority(os.PRIO_PROCESS, thread.id) for thread in busy.threads()] == [OURS + 7] * 2
    wait_until(lambda: seconds_of(busy.pid) > 0.2)
    assert seconds_of(busy.pid) == pytest.approx(sum(busy.cpu_times()[:2]), abs=0.3)


def test_a_process_that_has_gone_is_no_trouble(busy: psutil.Process) -> None:
    busy.kill()
    busy.wait()
    give_way(busy.pid, 5)
    assert seconds_of(busy.pid) == 0


def test_a_long_job_gives_way_while_it_runs(
    busy: psutil.Process, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = server.Server(tmp_path)
    ours, theirs = Pipe()
    house._queues[Lane.JUDGE].running.append(server.Job(ours, owner="much", pid=busy.pid))
    wait_until(lambda: len(busy.threads()) == 2)
    monkeypatch.setattr(server, "WEIGH_EVERY", 0.0)
    monkeypatch.setattr(server, "seconds_of", lambda _pid: 60.0)
    for _ in range(2):  # what has been noted is not noted again
        house._weigh()
        assert [os.getpriority(os.PRIO_PROCESS, thread.id) for thread in busy.threads()] == [
            OURS + MIN_NICENESS + 10
        ] * 2
    for each in (ours, theirs, house._door, house._events):
        each.close()


def test_whoever_has_used_little_has_the_least() -> None:
    least = OURS + MIN_NICENESS
    assert run(sandboxed.niceness_of_this, least, owner="little", reads=[ROOM]) == least
