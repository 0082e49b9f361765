"""``python -m tests.flows.crash POINT…``: for each POINT ask for a video, walk it, and die by SIGKILL there.

A point is ``module.function:before`` or ``:after``, named as the caller sees it. Afterwards the same machine after a
restart: the leases of the dead process run out, the sweep nudges, and the render is walked to its end. Each life is a
fork of this process, which touches no database, so that it costs no start of Python; each point has its own studio.
Prints for each how the process ended and what became of everything, as JSON.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from typing import Any

import django

django.setup()

from django.urls import reverse  # noqa: E402
from django.utils import timezone  # noqa: E402

from avatarsite.queue.sweeping import sweep  # noqa: E402
from billing.ledger import posting  # noqa: E402
from billing.models import Usage  # noqa: E402
from billing.verify import verification  # noqa: E402
from studio.models import Render  # noqa: E402
from studio.models.renders import ALIVE  # noqa: E402
from studio.pipeline.drive import drive  # noqa: E402
from tests.flows.cast import Studio, ask, make_studio  # noqa: E402

BALANCE = 5_000_000
reverse("home")  # loads every view, which each life would load again


def die_at(point: str) -> None:
    """Patch this process, and no other, so that it kills itself at the point."""
    place, when = point.split(":")
    owner, name = _locate(place)
    original = getattr(owner, name)

    def deadly(*arguments: Any, **keywords: Any) -> Any:
        if when == "after":
            original(*arguments, **keywords)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, deadly)


def _locate(place: str) -> tuple[Any, str]:
    """The module, or the module as another one sees it, and the function's name in it."""
    *path, name = place.split(".")
    for length in range(len(path), 0, -1):
        try:
            owner: Any = import_module(".".join(path[:length]))
        except ModuleNotFoundError:
            continue
        for attribute in path[length:]:
            owner = getattr(owner, attribute)
        return owner, name
    raise ValueError(place)


def crash(point: str) -> None:
    if not point.startswith("studio.pipeline.request.take"):
        render = ask(studio_of(point), key=point)
        die_at(point)
        drive(render.pk)
        return
    studio = studio_of(point)
    die_at(point)
    ask(studio, key=point)


def studio_of(point: str) -> Studio:
    """The same when called again."""
    return make_studio(balance_micros=BALANCE, price_micros=10_000, slug=slug_of(point))


def slug_of(point: str) -> str:
    return re.sub(r"\W+", "-", point).strip("-")


def restart(point: str) -> dict[str, Any]:
    studio = studio_of(point)
    render = Render.objects.filter(workspace=studio.workspace).first()
    if render is None:
        # It died before the request was committed: the caller repeats it with the same key.
        render = ask(studio, key=point)
    Render.objects.filter(state__in=ALIVE, next_try_at__isnull=False).update(next_try_at=timezone.now())
    sweep()
    render = drive(render.pk)
    again = drive(render.pk)
    hold, balance = render.hold, posting.balance(studio.workspace)
    return {
        "state": render.state,
        "same": again.state == render.state,
        "renders": Render.objects.filter(workspace=studio.workspace).count(),
        "jobs": render.jobs.count(),
        "usages": Usage.objects.filter(workspace=studio.workspace).count(),
        "hold": hold.state if hold else None,
        "settled": hold.settled_micros if hold else None,
        "charge": render.charge_micros,
        "spent": BALANCE - balance.posted_micros,
        "held": balance.held_micros,
        "findings": [str(finding) for finding in verification.verify()],
    }


def in_a_fork(life: Callable[[str], object], point: str) -> tuple[int, str]:
    """The signal or code it ended with, as subprocess has it, and its result as JSON."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(reading)
            os.write(writing, json.dumps(life(point)).encode())
            code = 0
        except Exception:  # noqa: BLE001 -- whatever it was, the parent is told
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        told = pipe.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), told


def main(points: list[str]) -> dict[str, Any]:
    ends = {}
    for point in points:
        died, _ = in_a_fork(crash, point)
        code, told = in_a_fork(restart, point)
        ends[point] = {"died": died, "end": json.loads(told) if code == 0 else None}
    return ends


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1:])))
