"""``python -m tests.simulators.capacity``: what many jobs in flight cost the simulators' process.

Submits the jobs, polls them for a while at a fixed rate spread over the three providers, and prints CPU and memory.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable
from uuid import uuid4

import aiohttp
import psutil

from tests.simulators.fixture import Simulators, running_simulators

Poll = Callable[[], Awaitable[None]]
AT_ONCE = 40


class Crowd:
    """All jobs of one run, each with its way to be polled."""

    def __init__(self, town: Simulators, client: aiohttp.ClientSession) -> None:
        self._town = town
        self._client = client
        self._env = town.environment
        self.polls: list[Poll] = []

    async def submit(self, number: int) -> None:
        way = (self._runware, self._fal, self._aimlapi)[number % 3]
        self.polls.append(await way())

    async def _runware(self) -> Poll:
        url, key = self._env["RUNWARE_URL"], self._env["RUNWARE_API_KEY"]
        headers = {"Authorization": f"Bearer {key}"}
        inputs = {"image": self._town.sample("portrait-600x600.jpg"), "audio": self._town.sample("voice-4000.mp3")}
        task = {"taskType": "videoInference", "taskUUID": str(uuid4()), "model": "klingai:avatar@2.0-pro"}
        async with self._client.post(url, json=[task | {"inputs": inputs}], headers=headers) as answer:
            answer.raise_for_status()
        asked = [{"taskType": "getResponse", "taskUUID": task["taskUUID"]}]

        async def poll() -> None:
            async with self._client.post(url, json=asked, headers=headers) as answer:
                answer.raise_for_status()
                await answer.read()

        return poll

    async def _fal(self) -> Poll:
        headers = {"Authorization": f"Key {self._env['FAL_KEY']}"}
        url = f"{self._env['FAL_QUEUE_URL']}/fal-ai/kling-video/ai-avatar/v2/pro"
        body = {
            "image_url": self._town.sample("portrait-600x600.jpg"),
            "audio_url": self._town.sample("voice-4000.mp3"),
        }
        async with self._client.post(url, json=body, headers=headers) as answer:
            job = await answer.json()
        return self._getter(job["status_url"], headers)

    async def _aimlapi(self) -> Poll:
        headers = {"Authorization": f"Bearer {self._env['AIMLAPI_KEY']}"}
        url = f"{self._env['AIMLAPI_URL']}/v2/video/generations"
        body = {
            "image_url": self._town.sample("portrait-600x600.jpg"),
            "audio_url": self._town.sample("voice-4000.mp3"),
        }
        async with self._client.post(url, json=body | {"model": "klingai/avatar-pro"}, headers=headers) as answer:
            job = await answer.json()
        return self._getter(f"{url}?generation_id={job['id']}", headers)

    def _getter(self, url: str, headers: dict[str, str]) -> Poll:
        async def poll() -> None:
            async with self._client.get(url, headers=headers) as answer:
                answer.raise_for_status()
                await answer.read()

        return poll


async def _in_turn(count: int, work: Callable[[int], Awaitable[None]], rate: float | None = None) -> None:
    places = asyncio.Semaphore(AT_ONCE)
    began = time.monotonic()

    async def one(number: int) -> None:
        async with places:
            await work(number)

    tasks = set()
    for number in range(count):
        if rate:
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        task = asyncio.create_task(one(number))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        if len(tasks) > 10 * AT_ONCE:
            await asyncio.sleep(0.01)
    await asyncio.gather(*tasks)


async def measure(town: Simulators, jobs: int, rate: float, seconds: float) -> None:
    process = psutil.Process(town.pid)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_ONCE)) as client:
        crowd = Crowd(town, client)
        used, began = sum(process.cpu_times()[:2]), time.monotonic()
        await _in_turn(jobs, crowd.submit)
        _say("submit", jobs, time.monotonic() - began, sum(process.cpu_times()[:2]) - used)
        await asyncio.sleep(2)
        used, began = sum(process.cpu_times()[:2]), time.monotonic()
        polls = int(rate * seconds)

        async def poll(number: int) -> None:
            await crowd.polls[number % len(crowd.polls)]()

        await _in_turn(polls, poll, rate)
        _say("poll", polls, time.monotonic() - began, sum(process.cpu_times()[:2]) - used)
    print(f"memory: {process.memory_info().rss / 1_000_000:.0f} MB with {jobs:,} jobs in flight")


def _say(what: str, count: int, wall: float, cpu: float) -> None:
    share, each = 100 * cpu / wall, 1000 * cpu / count
    print(f"{what}: {count:,} in {wall:.1f} s ({count / wall:.0f}/s), {share:.0f} % of a core, {each:.2f} ms CPU each")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=5000)
    parser.add_argument("--rate", type=float, default=300.0, help="polls a second")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--inputs", choices=("fetch", "assume"), default="fetch")
    given = parser.parse_args()
    settings = {"run_seconds": 100_000.0, "inputs": given.inputs}
    with running_simulators(speed=1.0, settings=settings) as town:
        asyncio.run(measure(town, given.jobs, given.rate, given.seconds))


if __name__ == "__main__":
    main()
