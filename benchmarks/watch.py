"""What it costs to have many renders in flight, beside the providers' own clients, against the same simulators.

Columns: ``interval``, mean seconds between two polls of a job; ``ms/s``, milliseconds of processor time in each second
with 1,000 jobs in flight, above the same program with one (ours) or none (theirs), which is ``idle``; ``MB``, memory
for 1,000 jobs, above the same; ``peak``, of the whole program; ``lag`` and ``p95``, seconds from "the provider is done"
to "the file is here"; ``home``, milliseconds of processor time to bring one job home. Here is, for us: stored, checked,
measured, pictured and charged; for the clients: downloaded and synced to disk, and nothing else.

Ours is all of ``manage.py worker`` with its webhooks on, so its ``MB`` holds what the first copies make each of its
processes load; the simulators and the web process are not in it. The limits of RUNWARE_PER_SECOND and the like are off.

With ``--loop`` ours is the watch alone, and nothing is brought home: first by polling alone, beside the
client at the same interval; then as it is in the long run, when the provider's webhooks have been seen to reach us and
polls are the safety net, beside the client as it is.

What it has shown so far, and which targets are met, is in benchmarks/RESULTS.md.

Usage: ``python -m benchmarks.watch [--jobs 1000] [--flight 60] [--scale 5000,10000] [--loop]``.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.processes import Cost, Meter
from tests.simulators.fixture import Control, Simulators, running_simulators

ROOT = Path(__file__).resolve().parent.parent
VOICE_SECONDS = 8.0
# Long enough for everything; progress then moves as slowly as in real life.
SIMULATORS = {"run_seconds": 3600.0, "queue_seconds": 1.0, "inputs": "assume", "assumed_voice_seconds": VOICE_SECONDS}
NO_LIMITS = {f"{name}_{limit}": "0" for name in ("RUNWARE", "FAL", "AIMLAPI") for limit in ("AT_ONCE", "PER_SECOND")}
OFFERS = {
    "runware": "runware:klingai:avatar@2.0-pro",
    "fal": "fal:fal-ai/kling-video/ai-avatar/v2/pro",
}
MODEL = "kling-avatar-2-pro"
PATIENCE = 600.0
WATCH = """
import math, time
import django
django.setup()
from studio.pipeline.watch.loop import watch
while True:
    watch(run_seconds=math.inf)
    time.sleep(0.5)
"""


@dataclass
class Plan:
    jobs: int
    flight: float  # seconds that are measured while everything is in flight
    settle: float  # seconds before that, for intervals to grow to what they are in the long run
    rate: float  # jobs that end in a second, afterwards


@dataclass
class Run:
    """What was measured. Costs are of the program alone, never of the simulators."""

    name: str
    jobs: int
    idle: Cost
    flight: Cost
    polls: int
    home: Cost | None = None
    lags: list[float] = field(default_factory=list)
    lost: int = 0
    web: float = 0.0  # processor seconds of the web server, which takes the webhooks in

    @property
    def interval(self) -> float:
        """Mean seconds between two polls of one job."""
        return self.jobs * self.flight.wall / max(self.polls, 1)

    @property
    def idle_share(self) -> float:
        return self.idle.processor / self.idle.wall

    @property
    def processor(self) -> float:
        """Milliseconds of processor time for each second in which 1,000 jobs are in flight, above the idle program."""
        above = self.flight.processor / self.flight.wall - self.idle_share
        return 1_000_000 * above / self.jobs

    @property
    def memory(self) -> float:
        """Megabytes for 1,000 jobs, above the idle program."""
        peak = max(cost.memory for cost in (self.flight, self.home) if cost)
        return (peak - self.idle.memory) / 1e6 * 1000 / self.jobs


def told(run: Run) -> str:
    lags = statistics.quantiles(run.lags, n=20) if len(run.lags) > 1 else []
    lag = f"{statistics.median(run.lags):6.2f} {lags[18]:6.2f}" if lags else f"{'-':>6} {'-':>6}"
    home = f"{1000 * run.home.processor / run.jobs:7.1f}" if run.home else f"{'-':>7}"
    peak = max(cost.memory for cost in (run.flight, run.home) if cost) / 1e6
    return (
        f"{run.name:34} {run.jobs:6} {run.interval:8.1f} {run.processor:8.2f} {1000 * run.idle_share:7.2f} "
        f"{run.memory:7.1f} {peak:7.0f} {lag} {home} {run.lost:5}"
    )


HEAD = (
    f"{'':34} {'jobs':>6} {'interval':>8} {'ms/s':>8} {'idle':>7} {'MB':>7} {'peak':>7} {'lag':>6} {'p95':>6} "
    f"{'home':>7} {'lost':>5}"
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--flight", type=float, default=60.0)
    parser.add_argument("--settle", type=float, default=45.0)
    parser.add_argument("--rate", type=float, default=8.0)
    parser.add_argument("--only", default="runware,fal")
    parser.add_argument("--no-clients", action="store_true")
    parser.add_argument("--scale", default="5000,10000", help="how many jobs to try after that; empty for none")
    parser.add_argument("--loop", action="store_true", help="ours is the watch alone; nothing is brought home")
    given = parser.parse_args()
    plan = Plan(given.jobs, given.flight, given.settle, given.rate)
    with running_simulators(speed=1.0, settings=SIMULATORS) as simulators, our_site(simulators) as site:
        print(HEAD, flush=True)
        for provider in given.only.split(","):
            for ours, interval in loops(site, provider, plan) if given.loop else whole(site, provider, plan):
                print(told(ours), flush=True)
                for pace in () if given.no_clients else interval:
                    print(told(client_flight(simulators, provider, plan, pace)), flush=True)
        for jobs in filter(None, given.scale.split(",")):
            for provider in given.only.split(","):
                print(told(site.hover(provider, int(jobs), plan)), flush=True)
    return 0


def whole(site: Site, provider: str, plan: Plan) -> Iterator[tuple[Run, tuple[float, ...]]]:
    """What was measured of ours, and the intervals for the client; 0 is its own."""
    ours = site.fly(provider, plan)
    yield ours, (0.0, ours.interval)


def loops(site: Site, provider: str, plan: Plan) -> Iterator[tuple[Run, tuple[float, ...]]]:
    ours = site.hover(provider, plan.jobs, plan)
    yield ours, (ours.interval,)
    yield site.hover(provider, plan.jobs, plan, called=True), (0.0,)


# --- Both ------------------------------------------------------------------------------------------------------------


def wait_for(check: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    until = time.monotonic() + seconds
    while not check():
        if time.monotonic() > until:
            raise RuntimeError(f"{what} did not happen within {seconds:.0f} s")
        time.sleep(0.5)


def in_flight(control: Control) -> int:
    jobs = control.counts()["jobs"]
    return int(jobs["queued"] + jobs["running"])


def polls_of(control: Control) -> int:
    return int(control.counts()["requests"].get("status", 0))


def end_all(control: Control, rate: float) -> dict[str, float]:
    """End what is in flight, ``rate`` a second: when each was done at the provider, by its id there."""
    ids = [job["id"] for phase in ("queued", "running") for job in control.jobs(phase=phase)]
    done, began = {}, time.monotonic()
    for number, job_id in enumerate(ids):
        time.sleep(max(0.0, began + number / rate - time.monotonic()))
        done[job_id] = time.time()
        control.finish(job_id)
    return done


@contextmanager
def ended(process: subprocess.Popen[Any], seconds: float = 90.0) -> Iterator[subprocess.Popen[Any]]:
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


# --- Theirs ----------------------------------------------------------------------------------------------------------


def client_flight(simulators: Simulators, provider: str, plan: Plan, interval: float) -> Run:
    control: Control = getattr(simulators, provider)
    control.reset()
    name = {"runware": "runware-sdk", "fal": "fal-client"}[provider]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.watch_clients", provider, "--jobs", str(plan.jobs)]
        command += ["--interval", str(interval), "--folder", folder]
        command += [
            "--portrait",
            simulators.sample("portrait-600x600.jpg"),
            "--voice",
            simulators.sample("voice-8000.mp3"),
        ]
        child = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | simulators.environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        with ended(child), metered(child.pid) as meter:
            assert child.stdin
            assert child.stdout
            child.stdout.readline()
            with meter.span() as idle:
                time.sleep(2)
            child.stdin.write("go\n")
            child.stdin.flush()
            wait_for(lambda: in_flight(control) == plan.jobs, "the client's submits")
            time.sleep(plan.settle)
            polls = polls_of(control)
            with meter.span() as flight:
                time.sleep(plan.flight)
            polls = polls_of(control) - polls
            with meter.span() as home:
                done = end_all(control, plan.rate)
                answer = json.loads(child.stdout.readline())
    there = answer["there"]
    for failure in sorted(set(answer["failures"]))[:3]:
        print(f"  {name}: {failure}", flush=True)
    pace = f"every {interval:.1f} s" if interval else "as it is"
    return Run(
        f"{name}, {pace}", plan.jobs, idle[0], flight[0], polls, home[0],
        [there[job] - at for job, at in done.items() if job in there], plan.jobs - len(there),
    )  # fmt: skip


@contextmanager
def metered(pid: int) -> Iterator[Meter]:
    meter = Meter(pid)
    try:
        yield meter
    finally:
        meter.close()


# --- Ours ------------------------------------------------------------------------------------------------------------


@dataclass
class Site:
    """Our product with one worker and one web process, on its embedded default."""

    simulators: Simulators
    web: Meter
    environment: dict[str, str]

    def fly(self, provider: str, plan: Plan) -> Run:
        """Renders from their request to the stored video, by ``manage.py worker``."""
        from benchmarks import watch_cast as cast  # noqa: PLC0415 -- needs the site's settings

        control: Control = getattr(self.simulators, provider)
        control.reset()
        with self._process("worker", "manage.py", "worker") as worker, metered(worker.pid) as meter:
            renders = [cast.ask(OFFERS[provider])]
            wait_for(lambda: in_flight(control) == 1, "the first submit")
            time.sleep(plan.settle)
            with meter.span() as idle:
                time.sleep(plan.flight)
            renders += [cast.ask(OFFERS[provider]) for _ in range(plan.jobs - 1)]
            wait_for(lambda: in_flight(control) == plan.jobs, "the submits")
            time.sleep(plan.settle)
            polls = polls_of(control)
            with meter.span() as flight:
                time.sleep(plan.flight)
            polls = polls_of(control) - polls
            web = self.web.processor()
            with meter.span() as home:
                done = end_all(control, plan.rate)
                wait_for(lambda: cast.all_ended(renders), "the way home")
            web = self.web.processor() - web
        there = cast.ready_at()
        return Run(
            f"this product at {provider}", plan.jobs, idle[0], flight[0], polls, home[0],
            [there[job] - at for job, at in done.items() if job in there],
            sum(job not in there for job in done), web,
        )  # fmt: skip

    def hover(self, provider: str, jobs: int, plan: Plan, *, called: bool = False) -> Run:
        """Rows of renders in flight, and the loop that watches them, in a process of its own.

        ``called``: a webhook of the provider has come before, so that the loop waits for the others.
        """
        from benchmarks import watch_cast as cast  # noqa: PLC0415 -- needs the site's settings

        control: Control = getattr(self.simulators, provider)
        control.reset()
        cast.plant(OFFERS[provider], 1, self.simulators)
        if called:
            cast.store_webhook(provider)
        with self._process("watch", "-c", WATCH) as watch, metered(watch.pid) as meter:
            time.sleep(plan.settle)
            with meter.span() as idle:
                time.sleep(plan.flight)
            cast.plant(OFFERS[provider], jobs - 1, self.simulators)
            time.sleep(plan.settle)
            polls = polls_of(control)
            with meter.span() as flight:
                time.sleep(plan.flight)
            polls = polls_of(control) - polls
        cast.uproot()
        name = f"the watch alone at {provider}{', called' if called else ''}"
        return Run(name, jobs, idle[0], flight[0], polls)

    @contextmanager
    def _process(self, name: str, *arguments: str) -> Iterator[subprocess.Popen[Any]]:
        with (Path(self.environment["VAR_DIR"]) / f"{name}.log").open("ab") as log:
            command = [sys.executable, *arguments]
            process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=log, stderr=log)
            with ended(process):
                yield process


@contextmanager
def our_site(simulators: Simulators) -> Iterator[Site]:
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-watch-"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        ours = {
            "VAR_DIR": folder,
            "PUBLIC_URL": f"http://127.0.0.1:{port}",
            "DJANGO_SETTINGS_MODULE": "avatarsite.settings",
        }
        os.environ.update(simulators.environment | NO_LIMITS | ours)
        environment = dict(os.environ)
        subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], cwd=ROOT, env=environment, check=True)
        import django  # noqa: PLC0415 -- the settings have to be there first

        django.setup()
        command = [sys.executable, "manage.py", "web", "--bind", f"127.0.0.1:{port}"]
        web = stack.enter_context(ended(subprocess.Popen(command, cwd=ROOT, env=environment)))
        yield Site(simulators, stack.enter_context(metered(web.pid)), environment)


if __name__ == "__main__":
    sys.exit(main())
