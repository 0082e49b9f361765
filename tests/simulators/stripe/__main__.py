"""``python -m tests.simulators.stripe``: a Stripe of our own on loopback. The first line printed is JSON."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from typing import Any

from aiohttp import web

from tests.simulators.stripe.control import BackDoor
from tests.simulators.stripe.events import Postman
from tests.simulators.stripe.page import Pages
from tests.simulators.stripe.server import Door, doorkeeper
from tests.simulators.stripe.settings import StripeSettings
from tests.simulators.stripe.world import World

HOST = "127.0.0.1"
KEY = "sk_test_simulated"
RESTRICTED_KEY = "rk_test_simulated"


async def serve(port: int, speed: float, changes: dict[str, Any], *, until_stdin_ends: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    settings = StripeSettings(keys=[KEY], restricted_keys=[RESTRICTED_KEY])
    settings.apply(changes)
    world = World(settings, speed)
    door, postman, app = Door(world), Postman(world), web.Application(middlewares=[doorkeeper])
    BackDoor(world, door, postman).add_routes(app)
    Pages(world).add_routes(app)
    door.add_routes(app)
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=600, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, HOST, port, backlog=256).start()
    world.base = f"http://{HOST}:{runner.addresses[0][1]}"
    await postman.letters.open()
    environment = {
        "STRIPE_API_BASE": world.base,
        "STRIPE_SECRET_KEY": KEY,
        "STRIPE_WEBHOOK_SECRET": settings.webhook_secret,
    }
    print(
        json.dumps(
            {"pid": os.getpid(), "environment": environment, "control": world.base, "restricted_key": RESTRICTED_KEY}
        ),
        flush=True,
    )
    if until_stdin_ends:
        loop.add_reader(sys.stdin.fileno(), lambda: os.read(sys.stdin.fileno(), 4096) or stop.set())
    await stop.wait()
    await postman.letters.close()
    await runner.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.simulators.stripe", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument("--speed", type=float, default=1.0, help="Stripe's seconds per second")
    parser.add_argument("--webhook-url", default="", help="where events are sent")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=JSON", help="a setting")
    parser.add_argument("--until-stdin-ends", action="store_true", help="stop when whoever started this is gone")
    given = parser.parse_args()
    changes = {name: json.loads(value) for name, _, value in (item.partition("=") for item in given.set)}
    if given.webhook_url:
        changes["webhook_url"] = given.webhook_url
    asyncio.run(serve(given.port, given.speed, changes, until_stdin_ends=given.until_stdin_ends))


if __name__ == "__main__":
    main()
