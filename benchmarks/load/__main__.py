"""What a site bears: a real mix of requests at a fixed rate, with thousands of renders in flight at the stand-ins.

On this machine, all of it: PostgreSQL (every commit on the disk), Valkey, a bucket, the stand-ins, two web processes,
a worker and the load. First each kind of request alone, for what it costs; then all of them at ``--rate``, an open
loop, each timed from the moment at which it was due; then the books.

Prints a table by kind of request, processor time and memory by part, and the statements that took longest. Exits 1 when
an answer is wrong, when one in a hundred takes a second, or when the books differ.

Usage: ``python -m benchmarks.load [--rate 200] [--seconds 300] [--flight 5000] [--alone 30]``.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from benchmarks.load.cost import Memory
from benchmarks.load.house import House, house
from benchmarks.load.mix import MIX
from benchmarks.load.pace import Answers, Load

MAX_P99 = 1.0
WARM_SECONDS = 10.0
HOME_WITHIN = 180.0
SAMPLE_SECONDS = 60.0
BOOKS = """
from django.db.models import Count
from avatarsite.models import Alert
from billing.verify import verification
from studio.models import ProviderJob, Render
from studio.storage_audit import verify_storage
print(json.dumps({
    "ledger": [finding.sentence for finding in verification.verify()],
    "files": [finding.sentence for finding in verify_storage()],
    "twice": list(Render.objects.filter(events__to_state="ready").annotate(times=Count("events")).filter(times__gt=1)
        .values_list("pk", flat=True)),
    "jobs": ProviderJob.objects.filter(outcome="accepted").count(),
    "alerts": list(Alert.objects.values_list("message", flat=True)),
}))
"""


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rate", type=float, default=200.0, help="requests a second")
    options.add_argument("--seconds", type=float, default=300.0)
    options.add_argument("--flight", type=int, default=5000, help="renders at the stand-ins all along")
    options.add_argument("--customers", type=int, default=20)
    options.add_argument("--alone", type=int, default=30, help="requests of each kind, to tell what one costs")
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that all it has started ends with it
    with (
        tempfile.TemporaryDirectory(prefix="load-") as folder,
        house(Path(folder), customers=given.customers, flight=given.flight, own=os.getpid()) as there,
    ):
        print(f"{there.states()}", flush=True)
        dice = random.Random(given.seed)
        if given.alone:
            print("\n".join(alone(there, dice, given.alone)), flush=True)
        Load(there.address, there.customers, dice).run(given.rate / 4, WARM_SECONDS)
        return 1 if under_load(there, dice, given.rate, given.seconds) else 0


def alone(there: House, dice: random.Random, count: int) -> Iterator[str]:
    """Each kind of request one after the other, and what one of it costs: milliseconds of processor, statements."""
    yield f"{'alone':18} {'ms':>7} {'web ms':>7} {'PG ms':>7} {'SQL':>6}"
    for name in MIX:
        load = Load(there.address, there.customers, dice)
        load.one_by_one(name, 3)
        there.statements.forget()
        before = there.parts.processor()
        load.answers = Answers()
        load.one_by_one(name, count)
        used = {part: 1000 * (now - before[part]) / count for part, now in there.parts.processor().items()}
        took = 1000 * statistics.median(load.answers.seconds[name])
        asked = there.statements.count() / count
        yield f"{name:18} {took:7.1f} {used['web']:7.1f} {used['PostgreSQL']:7.1f} {asked:6.1f}{_said(load.answers)}"


def _said(answers: Answers) -> str:
    return "".join(f"\n  WRONG {times} × {said}" for said, times in answers.said.most_common(5))


def under_load(there: House, dice: random.Random, rate: float, seconds: float) -> list[str]:
    load = Load(there.address, there.customers, dice)
    there.statements.forget()
    memory = [there.parts.memory()]
    stop = threading.Event()

    def sample() -> None:
        while not stop.wait(SAMPLE_SECONDS):
            memory.append(there.parts.memory())

    sampler = threading.Thread(target=sample)
    facts = there.statements.facts()
    before, began = there.parts.processor(), time.monotonic()
    sampler.start()
    load.run(rate, seconds)
    wall = time.monotonic() - began
    used = {part: now - before[part] for part, now in there.parts.processor().items()}
    statements, dearest = there.statements.count(), there.statements.dearest()
    after = there.statements.facts()
    stop.set()
    sampler.join()
    memory.append(there.parts.memory())
    states = there.states()
    print("\n".join(_table(load.answers, wall)))
    print("\n".join(_parts(used, memory, wall)))
    print(
        f"{statements / wall:.0f} statements a second, {statements / (rate * wall):.1f} a request; those that took most"
    )
    grown = {name: (after[name] - facts[name]) / wall for name in after}
    print(
        f"PostgreSQL: {grown['commits']:.0f} commits and {grown['log'] / 1000:.0f} KB of log a second, "
        f"{grown['stored'] / 1000:.1f} KB more stored a second, {after['sessions']} sessions"
    )
    for calls, took, text in dearest:
        print(f"  {took / wall:6.2f} ms/s {calls / wall:7.1f}/s  {_short(text)}")
    print(f"renders at the end: {states}")
    faults = [*_faults(load.answers), *_books(there, load)]
    for fault in faults:
        print(f"FAULT {fault}")
    print("no fault" if not faults else f"{len(faults)} faults")
    return faults


def _table(answers: Answers, wall: float) -> Iterator[str]:
    yield f"{'under load':18} {'count':>7} {'errors':>6} {'p50 ms':>7} {'p95':>7} {'p99':>7} {'max':>7}"
    every = [took for each in answers.seconds.values() for took in each]
    for name in MIX:
        if found := answers.seconds.get(name):
            yield _line(name, found, answers.errors[name])
    yield _line("all", every, answers.errors.total())
    late = sorted(answers.late_sent)
    p99, most = 1000 * _mark(late, 0.99), 1000 * late[-1]
    yield f"{answers.right / wall:.1f} right answers a second"
    yield f"the load itself sent late by {p99:.1f} ms (p99) and {most:.0f} ms at most"
    yield from _said(answers).splitlines()


def _line(name: str, found: list[float], errors: int) -> str:
    marks = [1000 * _mark(found, share) for share in (0.5, 0.95, 0.99, 1.0)]
    return f"{name:18} {len(found):7} {errors:6} " + " ".join(f"{mark:7.0f}" for mark in marks)


def _mark(found: list[float], share: float) -> float:
    return sorted(found)[min(len(found) - 1, int(share * len(found)))]


def _parts(used: dict[str, float], memory: list[dict[str, dict[int, Memory]]], wall: float) -> Iterator[str]:
    yield f"{'part':12} {'cores':>6}   PSS in MB: before, each minute, after (of it the largest process's RSS)"
    for part, seconds in used.items():
        shown = "  ".join(_memory(each[part]) for each in memory)
        yield f"{part:12} {seconds / wall:6.2f}   {shown}"
    yield f"{'all':12} {sum(used.values()) / wall:6.2f}"


def _memory(processes: dict[int, Memory]) -> str:
    largest = max((one.rss for one in processes.values()), default=0)
    return f"{sum(one.pss for one in processes.values()):.0f} ({largest:.0f})"


def _short(text: str) -> str:
    return text if len(text) < 150 else f"{text[:50]} … {text[text.find(' FROM ') :][:110]}"


def _faults(answers: Answers) -> Iterator[str]:
    every = [took for each in answers.seconds.values() for took in each]
    if wrong := answers.errors.total():
        yield f"{wrong} wrong answers"
    if (p99 := _mark(every, 0.99)) >= MAX_P99:
        yield f"one in a hundred takes {p99:.2f} s"


def _books(there: House, load: Load) -> Iterator[str]:
    """Once all that was asked for under load has come home: what was asked for is there, once, and the books agree."""
    asked = [pk for one in load.customers for pk in one.made]
    ends = time.monotonic() + HOME_WITHIN
    while (states := Counter(there.states_of(asked).values())) != {"ready": len(asked)} and time.monotonic() < ends:
        time.sleep(1)
    print(f"asked for under load: {dict(states)}")
    if set(states) != {"ready"} or states.total() != len(asked):
        yield f"{len(asked)} were asked for, and are {dict(states)}"
    books = there.site.ask(BOOKS)
    accepted = there.accepted()
    if accepted.total() != (jobs := books.pop("jobs")):
        yield f"{accepted.total()} jobs upstream, {jobs} here"
    yield from (f"{pk} was accepted {times} times" for pk, times in accepted.items() if times > 1 and "/" not in pk)
    for name, found in books.items():
        yield from (f"{name}: {one}" for one in found)


if __name__ == "__main__":
    sys.exit(main())
