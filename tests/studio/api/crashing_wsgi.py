"""The web server's application with a weak spot: its process kills itself where the file ``DEADLY_ORDER`` says, once.

``manage.py web --app tests.studio.api.crashing_wsgi.application``. A point is ``module/attribute:before`` or
``:after``, one of ``POINTS``.
"""

from __future__ import annotations

import os
import signal
from importlib import import_module
from pathlib import Path
from typing import Any

from avatarsite.wsgi import application

# Where the process dies, and how many renders are there when it has.
POINTS = {
    "avatarsite.api.idempotency/IdempotentRequest/_take:after": 0,  # the key is taken, nothing is done
    "studio.api.renders/take_within:after": 0,  # the render is written and held for, not committed
    "avatarsite.api.idempotency/_keep:before": 0,  # the same, and the answer is known
    "avatarsite.api.idempotency/_keep:after": 0,  # the answer is kept, nothing is committed
    "avatarsite.api.idempotency/IdempotentRequest/run_once:after": 1,  # committed, and nobody has been answered
}


def _weaken(point: str, order: Path) -> None:
    place, when = point.split(":")
    module, *path, name = place.split("/")
    owner: Any = import_module(module)
    for attribute in path:
        owner = getattr(owner, attribute)
    original = getattr(owner, name)

    def die_if_told() -> None:
        if order.exists() and order.read_text() == point:
            order.unlink()
            os.kill(os.getpid(), signal.SIGKILL)

    def weak(*arguments: Any, **keywords: Any) -> Any:
        if when == "before":
            die_if_told()
        found = original(*arguments, **keywords)
        if when == "after":
            die_if_told()
        return found

    setattr(owner, name, weak)


if "DEADLY_ORDER" in os.environ:
    for _point in POINTS:
        _weaken(_point, Path(os.environ["DEADLY_ORDER"]))

__all__ = ["POINTS", "application"]
