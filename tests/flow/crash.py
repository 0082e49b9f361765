"""``python -m tests.flow.crash POINT``: ask for a video, walk it, and die by SIGKILL at POINT.

A point is ``module.function:before`` or ``:after``, named as the caller sees it. Prints the render's id first.
``python -m tests.flow.crash --restart ID`` is the same machine after a restart: the leases of the dead process run out,
the sweep nudges, and the render is walked to its end. Prints what became of everything, as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from importlib import import_module
from typing import Any

import django

django.setup()

from django.utils import timezone  # noqa: E402

from avatarsite.workspaces.models import Workspace  # noqa: E402
from billing import ledger  # noqa: E402
from billing.models import Usage  # noqa: E402
from studio.models import Render  # noqa: E402
from studio.models.renders import ALIVE  # noqa: E402
from studio.pipeline import overdue  # noqa: E402
from studio.pipeline.drive import drive  # noqa: E402
from studio.pipeline.notify import notify_render  # noqa: E402
from tests.flow.cast import ask, make_studio  # noqa: E402

KEY = "crash-test"


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
    studio = make_studio(balance_micros=5_000_000, price_micros=10_000)
    if not point.startswith("studio.pipeline.request"):
        render = ask(studio, key=KEY)
        die_at(point)
        notify_render(drive(render.pk).pk)
        return
    die_at(point)
    ask(studio, key=KEY)


def restart() -> dict[str, Any]:
    workspace = Workspace.objects.get()
    render = Render.objects.filter(workspace=workspace).first()
    if render is None:
        # It died before the request was committed: the caller repeats it with the same key.
        render = ask(make_studio(balance_micros=5_000_000, price_micros=10_000), key=KEY)
    Render.objects.filter(state__in=ALIVE, next_try_at__isnull=False).update(next_try_at=timezone.now())
    overdue.sweep()
    render = drive(render.pk)
    again = drive(render.pk)
    hold = render.hold
    return {
        "state": render.state,
        "same": again.state == render.state,
        "renders": Render.objects.count(),
        "jobs": render.jobs.count(),
        "usages": Usage.objects.count(),
        "hold": hold.state if hold else None,
        "settled": hold.settled_micros if hold else None,
        "charge": render.charge_micros,
        "spent": 5_000_000 - ledger.balance(workspace).posted_micros,
        "held": ledger.balance(workspace).held_micros,
        "findings": [str(finding) for finding in ledger.verify()],
    }


if __name__ == "__main__":
    if sys.argv[1] == "--restart":
        print(json.dumps(restart()))
    else:
        crash(sys.argv[1])
