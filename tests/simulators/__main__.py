"""``python -m tests.simulators``: all three providers in one process, on loopback. The first line printed is JSON."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.simulators import doors
from tests.simulators.aimlapi import Aimlapi
from tests.simulators.fal import Fal
from tests.simulators.media import FilmStore
from tests.simulators.provider import Provider
from tests.simulators.runware import Runware
from tests.simulators.settings import AimlapiSettings, FalSettings, RunwareSettings

HOST = "127.0.0.1"
# One port per host of the real providers, in this order from --port-base.
HOSTS = (
    "runware.api", "runware.files",
    "fal.queue", "fal.run", "fal.rest", "fal.platform", "fal.cdn",
    "aimlapi.api", "aimlapi.files",
)  # fmt: skip
KEYS = {"runware": "simulated-runware-key", "fal": "simulated:fal-key", "aimlapi": "simulated-aimlapi-key"}
FAL_ADMIN_KEY = "simulated:fal-admin-key"


@dataclass(frozen=True)
class Town:
    runware: Runware
    fal: Fal
    aimlapi: Aimlapi

    @property
    def providers(self) -> tuple[Provider, ...]:
        return (self.runware, self.fal, self.aimlapi)

    def apps(self) -> dict[str, web.Application]:
        sides = {
            "runware": doors.runware_apps(self.runware),
            "fal": doors.fal_apps(self.fal),
            "aimlapi": doors.aimlapi_apps(self.aimlapi),
        }
        return {f"{name}.{host}": app for name, apps in sides.items() for host, app in apps.items()}


def build(folder: Path, films: FilmStore, speed: float, changes: dict[str, Any]) -> Town:
    """The three providers with their keys; ``changes`` are settings for all of them."""
    runware = RunwareSettings(keys=[KEYS["runware"]])
    fal = FalSettings(keys=[KEYS["fal"]], admin_keys=[FAL_ADMIN_KEY])
    aimlapi = AimlapiSettings(keys=[KEYS["aimlapi"]])
    for settings in (runware, fal, aimlapi):
        settings.apply(changes)
    return Town(
        Runware(folder, films, runware, speed), Fal(folder, films, fal, speed), Aimlapi(folder, films, aimlapi, speed)
    )


async def _listen(apps: dict[str, web.Application], port_base: int) -> tuple[list[web.AppRunner], dict[str, str]]:
    runners, addresses = [], {}
    for number, name in enumerate(HOSTS):
        runner = web.AppRunner(apps[name], access_log=None, keepalive_timeout=600, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, HOST, port_base + number if port_base else 0, backlog=1024)
        await site.start()
        runners.append(runner)
        addresses[name] = f"http://{HOST}:{runner.addresses[0][1]}"
    return runners, addresses


def _sign(addresses: dict[str, str]) -> dict[str, Any]:
    """Everything a client has to know, and the environment for a site that shall use the simulators."""
    runware, fal, aimlapi = addresses["runware.api"], addresses["fal.queue"], addresses["aimlapi.api"]
    environment = {
        "RUNWARE_URL": f"{runware}/v1",
        "RUNWARE_API_KEY": KEYS["runware"],
        "FAL_QUEUE_URL": fal,
        "FAL_REST_URL": addresses["fal.rest"],
        "FAL_PLATFORM_URL": addresses["fal.platform"] + "/v1",
        "FAL_CDN_URL": addresses["fal.cdn"],
        "FAL_KEY": KEYS["fal"],
        "AIMLAPI_URL": aimlapi,
        "AIMLAPI_KEY": KEYS["aimlapi"],
    }
    return {
        "pid": os.getpid(),
        "environment": environment,
        "control": {"runware": runware, "fal": fal, "aimlapi": aimlapi},
        "hosts": addresses,
        "fal_admin_key": FAL_ADMIN_KEY,
    }


async def serve(port_base: int, speed: float, changes: dict[str, Any], *, until_stdin_ends: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    with tempfile.TemporaryDirectory(prefix="simulators-") as folder:
        films = FilmStore(Path(folder))
        town = build(Path(folder), films, speed, changes)
        for provider in town.providers:
            await provider.open()
        runners, addresses = await _listen(town.apps(), port_base)
        town.runware.file_base = addresses["runware.files"]
        town.fal.file_base = addresses["fal.cdn"]
        town.fal.queue_base = addresses["fal.queue"]
        town.aimlapi.file_base = addresses["aimlapi.files"]
        print(json.dumps(_sign(addresses)), flush=True)
        if until_stdin_ends:
            loop.add_reader(sys.stdin.fileno(), lambda: os.read(sys.stdin.fileno(), 4096) or stop.set())
        await stop.wait()
        for provider in town.providers:
            await provider.close()
        for runner in runners:
            await runner.cleanup()
        films.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.simulators", description=__doc__)
    parser.add_argument("--port-base", type=int, default=0, help="first of nine ports; 0 picks free ones")
    parser.add_argument("--speed", type=float, default=1.0, help="provider seconds per second")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=JSON", help="a setting of all three")
    parser.add_argument("--until-stdin-ends", action="store_true", help="stop when whoever started this is gone")
    given = parser.parse_args()
    changes = {name: json.loads(value) for name, _, value in (item.partition("=") for item in given.set)}
    asyncio.run(serve(given.port_base, given.speed, changes, until_stdin_ends=given.until_stdin_ends))


if __name__ == "__main__":
    main()
