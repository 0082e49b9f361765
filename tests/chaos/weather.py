"""The weather over a load: a process or a machine killed at times, parts away as planned, and the way home after it."""

from __future__ import annotations

import random
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.chaos.ageing import age
from tests.chaos.house import House
from tests.chaos.load import Load
from tests.chaos.plan import Outage, Plan

LOOKED_AFTER_EVERY = 0.3
TOLD_EVERY = 30.0
QUIET = 12.0  # seconds in which nothing ended: whoever is left waits for a lease or a deadline
STEPS = (200, 200, 200, 1_800)  # seconds that all of it is then aged by, the last ones again and again
HOME_WITHIN = 900.0
LEFT = "SELECT state, count(*) FROM studio_render WHERE deadline_at IS NOT NULL GROUP BY state"


@dataclass
class Log:
    """What was done, and when after the beginning."""

    began: float = field(default_factory=time.monotonic)
    kills: list[str] = field(default_factory=list)
    outages: list[str] = field(default_factory=list)
    waited: float = 0.0  # seconds until all were home
    aged: list[int] = field(default_factory=list)

    def say(self, text: str) -> str:
        line = f"{time.monotonic() - self.began:6.0f} s  {text}"
        print(line, file=sys.stderr, flush=True)
        return line


@contextmanager
def machines_kept(there: House) -> Iterator[None]:
    """Whatever ends is started again, as systemd would."""
    over = threading.Event()

    def look_after() -> None:
        while not over.wait(LOOKED_AFTER_EVERY):
            for machine in there.machines:
                machine.look_after()

    thread = threading.Thread(target=look_after)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def storm(there: House, plan: Plan, load: Load, log: Log) -> None:
    """Until all is asked for: kills by the clock, outages by how far the load is."""
    over = threading.Event()
    threads = [
        threading.Thread(target=_kill, args=(there, plan, log, over)),
        threading.Thread(target=_outages, args=(there, plan, load, log, over)),
    ]
    for thread in threads:
        thread.start()
    try:
        _until_all_is_asked_for(plan, load, log, threads[1])
    finally:
        load.stop.set()
        over.set()
        for thread in threads:
            thread.join()


def _until_all_is_asked_for(plan: Plan, load: Load, log: Log, outages: threading.Thread) -> None:
    ends, told_at = time.monotonic() + plan.seconds, 0.0
    while time.monotonic() < ends and (not load.out_of_wishes or outages.is_alive()):
        time.sleep(0.3)
        if time.monotonic() - told_at > TOLD_EVERY:
            told_at = time.monotonic()
            log.say(f"{len(load.asked)} asked for, {load.ended} ended, {load.in_flight} waited for, {dict(load.met)}")


def _kill(there: House, plan: Plan, log: Log, over: threading.Event) -> None:
    dice = random.Random(plan.seed)
    while not over.wait(plan.every * dice.uniform(0.5, 1.5)):
        log.kills.append(dice.choice(there.machines).fail(whole=dice.random() < 0.3, dice=dice))
        log.say(f"killed {log.kills[-1]}")


def _outages(there: House, plan: Plan, load: Load, log: Log, over: threading.Event) -> None:
    for outage in plan.outages:
        while len(load.asked) < outage.share * plan.renders:
            if over.wait(0.3):
                return
        log.outages.append(log.say(_said(outage)))
        with there.parts.away(outage.name):
            over.wait(outage.seconds)
        log.say(f"{outage.name}: over")


def _said(outage: Outage) -> str:
    return f"{outage.name}" + (f" for {outage.seconds:g} s" if outage.seconds else "")


def come_home(there: House, load: Load, log: Log) -> None:
    """Until everything has ended. When nothing moves any more, what waits is aged, and deadlines pass."""
    began = moved = time.monotonic()
    ended, steps = load.ended, iter((*STEPS, *[STEPS[-1]] * 40))
    while load.ended < len(load.asked) and time.monotonic() - began < HOME_WITHIN:
        time.sleep(0.5)
        if load.ended > ended:
            ended, moved = load.ended, time.monotonic()
        elif time.monotonic() - moved > QUIET and (step := next(steps, None)):
            age(there.site.environment["DATABASE_URL"], step)
            log.aged.append(step)
            states = dict(there.site.rows(LEFT))
            log.say(f"{len(load.asked) - ended} left, {states}: {step} s pass")
            moved = time.monotonic()
    log.waited = time.monotonic() - began
