"""``python -m tests.flows.at_providers OFFER TIMES``: die by SIGKILL around the sending of a render, many times over.

One process gets everything ready and forks for each death, so that a death costs no start of Python. Afterwards the
same machine after a restart: leases run out, and what became of each render is found out. Prints all of it as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from itertools import cycle
from typing import Any, NoReturn

import django

django.setup()

from django.db import connections  # noqa: E402

from billing.ledger import posting  # noqa: E402
from billing.models import Usage  # noqa: E402
from billing.prices import price_book  # noqa: E402
from billing.verify import verification  # noqa: E402
from studio.models import Render  # noqa: E402
from studio.models.renders import ALIVE  # noqa: E402
from studio.pipeline.submit import submit_render  # noqa: E402
from studio.providers import http, registry  # noqa: E402
from studio.providers.types import RenderOrder, Submission  # noqa: E402
from tests.flows.cast import ask, make_studio  # noqa: E402
from tests.flows.crash import die_at  # noqa: E402
from tests.flows.pace import let_deadlines_pass, let_time_pass, step  # noqa: E402
from tests.simulators.fixture import Control  # noqa: E402

BALANCE = 500_000_000
ROUNDS = 8  # of a step for each render that lives; a video needs five
FLIGHT_MS = (0, 2, 5, 10, 20)


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


def die_in_flight(offer: str, milliseconds: float) -> None:
    """Die so long after the creating request was begun, wherever it is by then."""
    _around_create(offer, lambda: asyncio.get_running_loop().call_later(milliseconds / 1000, die), lambda: None)


def die_with_the_answer(offer: str) -> None:
    """Die when the answer is there and nobody has written it down."""
    _around_create(offer, lambda: None, die)


def _around_create(offer: str, before: Callable[[], object], after: Callable[[], object]) -> None:
    provider: Any = type(registry.provider_of(offer))
    original = provider._create

    async def create(self: Any, order: RenderOrder) -> Submission:
        before()
        submission: Submission = await original(self, order)
        after()
        return submission

    provider._create = create


def deaths(offer: str) -> dict[str, Callable[[], None]]:
    """Ways to die, by name, in the order of the way of a submit."""
    return {
        "before it is marked as sent": lambda: die_at("studio.pipeline.submit._mark_sent:before"),
        "marked, not sent": lambda: die_at("studio.pipeline.submit._mark_sent:after"),
        **{f"{ms} ms in flight": partial(die_in_flight, offer, ms) for ms in FLIGHT_MS},
        "answered, not recorded": lambda: die_with_the_answer(offer),
        "stored, not committed": lambda: die_at("studio.pipeline.submit._store:after"),
        "recorded": lambda: die_at("studio.pipeline.submit.record:after"),
    }


def kill_one(render_id: str, prepare: Callable[[], None]) -> bool:
    """Send the render in a child that dies on the way. Whether it died as it should."""
    connections.close_all()
    child = os.fork()
    if child == 0:
        try:
            prepare()
            submit_render(render_id)
        finally:
            die()
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def restart(control: Control) -> None:
    """As after a reboot: every lease is over, and each render is walked on."""
    for _ in range(ROUNDS):
        let_time_pass(control)
        alive = Render.objects.filter(state__in=ALIVE)
        if not alive:
            return
        for render in alive:
            step(render)


def main(offer: str, times: int) -> dict[str, Any]:
    price_book.seed_prices()
    http.run(http.ask, "GET", os.environ["CONTROL"])  # what the first call loads, each child would load again
    studio = make_studio(balance_micros=BALANCE, voice_seconds=2.1)
    model = registry.offer(offer).model
    ways = cycle(deaths(offer).items())
    renders = {ask(studio, model=model, offer=offer).pk: next(ways) for _ in range(times)}
    killed = sum(kill_one(pk, prepare) for pk, (_, prepare) in renders.items())
    left = dict(Render.objects.values_list("pk", "state"))
    restart(Control(os.environ["CONTROL"]))
    waiting = set(Render.objects.filter(state__in=ALIVE).values_list("pk", flat=True))
    let_deadlines_pass()
    balance = posting.balance(studio.workspace)
    return {
        "killed": killed,
        "renders": [
            {
                "way": renders[render.pk][0],
                "left": left[render.pk],
                "references": [job.reference for job in render.jobs.all()],
                "waited": render.pk in waiting,
                "state": render.state,
                "hold": render.hold.state,
                "charge": render.charge_micros or 0,
            }
            for render in Render.objects.select_related("hold").prefetch_related("jobs")
        ],
        "usages": Usage.objects.count(),
        "spent": BALANCE - balance.posted_micros,
        "held": balance.held_micros,
        "findings": [str(finding) for finding in verification.verify()],
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]))))
