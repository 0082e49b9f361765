"""The same jobs through a provider's own client, in a process of its own: ``python -m benchmarks.watch_clients``.

Each job is one call that submits, polls and gives the result, all of them at once in one loop, as the client's own
documents show it; then the video is downloaded to disk, by aiohttp, twenty at a time. Prints a line when it is ready to
begin, waits for a line, and in the end prints as JSON when each file was there.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp

DOWNLOADS_AT_ONCE = 20
CHUNK = 1 << 18
FAL_MODEL = "fal-ai/kling-video/ai-avatar/v2/pro"
RUNWARE_MODEL = "klingai:avatar@2.0-pro"

Ask = Callable[[int], Awaitable[tuple[str, str]]]  # number to the provider's id and the video's address


@dataclass
class Order:
    jobs: int
    interval: float  # 0 is the client's own default
    portrait: str
    voice: str
    folder: Path


async def with_fal(order: Order) -> dict[str, Any]:
    import fal_client  # noqa: PLC0415 -- its import is part of its cost, and only of its own
    from fal_client import client as module  # noqa: PLC0415

    module.QUEUE_URL_FORMAT = os.environ["FAL_QUEUE_URL"] + "/"
    client = fal_client.AsyncClient(key=os.environ["FAL_KEY"])
    pace = {"interval": order.interval} if order.interval else {}

    async def ask(_: int) -> tuple[str, str]:
        ids: list[str] = []
        arguments = {"image_url": order.portrait, "audio_url": order.voice}
        result = await client.subscribe(FAL_MODEL, arguments, on_enqueue=ids.append, **pace)
        return ids[0], result["video"]["url"]

    return await _all(order, ask)


async def with_runware(order: Order) -> dict[str, Any]:
    import runware.client as module  # noqa: PLC0415
    from runware import Runware  # noqa: PLC0415

    if order.interval:
        # It has no option for this.
        module._next_poll_delay = lambda _number, _current: order.interval  # noqa: SLF001
    base = os.environ["RUNWARE_URL"]
    async with Runware(
        api_key=os.environ["RUNWARE_API_KEY"], http_base_url=base, ws_base_url=base.replace("http", "ws", 1)
    ) as client:

        async def ask(_: int) -> tuple[str, str]:
            task = {
                "taskType": "videoInference",
                "taskUUID": str(uuid4()),
                "model": RUNWARE_MODEL,
                "includeCost": True,
                "inputs": {"image": order.portrait, "audio": order.voice},
            }
            [item] = await client.run(task)
            return str(task["taskUUID"]), item["videoURL"]

        return await _all(order, ask)


async def _all(order: Order, ask: Ask) -> dict[str, Any]:
    there: dict[str, float] = {}
    failures: list[str] = []
    places = asyncio.Semaphore(DOWNLOADS_AT_ONCE)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    async with aiohttp.ClientSession() as session:

        async def one(number: int) -> None:
            try:
                name, url = await ask(number)
                async with places:
                    await _download(session, url, order.folder / f"{number}.mp4")
                there[name] = time.time()
            except Exception as error:  # noqa: BLE001 -- counted, whatever it was
                failures.append(f"{type(error).__name__}: {error}"[:200])

        await asyncio.gather(*(one(number) for number in range(order.jobs)))
    return {"there": there, "failures": failures}


async def _download(session: aiohttp.ClientSession, url: str, path: Path) -> None:
    async with session.get(url) as answer:
        answer.raise_for_status()
        with path.open("wb") as file:
            async for chunk in answer.content.iter_chunked(CHUNK):
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())


CLIENTS = {"fal": with_fal, "runware": with_runware}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("client", choices=CLIENTS)
    parser.add_argument("--jobs", type=int, required=True)
    parser.add_argument("--interval", type=float, default=0.0)
    parser.add_argument("--portrait", required=True)
    parser.add_argument("--voice", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    given = parser.parse_args()
    order = Order(given.jobs, given.interval, given.portrait, given.voice, given.folder)
    print(json.dumps(asyncio.run(CLIENTS[given.client](order))), flush=True)


if __name__ == "__main__":
    main()
