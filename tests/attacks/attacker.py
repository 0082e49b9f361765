"""One customer against all others: ``python -m tests.attacks.attacker``, a process of its own with niceness 10.

It reads what it attacks from standard input as JSON, says that it has begun, goes on until SIGTERM, and prints what it
was answered, by piece and status, as JSON. It shares the machine with what it attacks, so most of its lines only wait.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.corpus.hostile import HOSTILE, Hostile, short_scans
from tests.corpus.sounds import mp3

DRAFTS, AT_ONCE = 1_000, 100
WAITS, WAIT_SECONDS = 100, 20
SLOW_UPLOADS, SLOW_BYTES = 50, 20_000_000
HOSTILE_FILES = 20
READS_PER_MINUTE, WRITES_PER_MINUTE = 600, 240
PAUSE = 2.0  # of a line that was answered before it could wait
NICENESS = 10


LONG_DRAFTS, LONG_SECONDS = 8, 120


def hostile_files() -> list[Hostile]:
    """Some of each kind, and twice what takes the most computing and is no fault of the file."""
    wanted = {
        "stsz, a table.m4a",
        "tracks.m4a",
        "nested.webm",
        "streams.ogg",
        "frames.gif",
        "grid.heic",
        "comments.jpg",
    }
    found = [one for one in HOSTILE if one.name in wanted and one.kind != "video"]
    assert len(found) == len(wanted)
    costly = [Hostile(f"{side}.jpg", "portrait", partial(short_scans, 99, side)) for side in (3_000, 6_000, 7_900)]
    return [one for pair in zip(found, cycle(costly)) for one in pair]


@dataclass
class Attacker:
    """The test token makes drafts; all else, by the token that pays, shares one allowance of the API."""

    address: str
    test_token: str
    token: str
    portrait: str
    voice: str
    hostile: list[tuple[str, bytes]] = field(default_factory=list)
    answers: dict[str, Counter[str]] = field(default_factory=dict)
    render: str = ""

    @property
    def wish(self) -> dict[str, str]:
        return {"portrait": self.portrait, "voice": self.voice}

    async def attack(self, pieces: list[str]) -> None:
        if "hostile" in pieces:
            self.hostile = [(one.kind, one.make()) for one in hostile_files()]
        print("begun", flush=True)
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=200)
        common = {"limits": limits, "timeout": 120, "trust_env": False, "base_url": f"{self.address}/api/v1"}
        async with (
            httpx.AsyncClient(**common, headers={"Authorization": f"Bearer {self.test_token}"}) as free,
            httpx.AsyncClient(**common, headers={"Authorization": f"Bearer {self.token}"}) as paying,
            asyncio.TaskGroup() as group,
        ):
            every: dict[str, Callable[[], list[Coroutine[Any, Any, None]]]] = {
                "drafts": lambda: [self._drafts(free)],
                "waits": lambda: [self._wait(paying) for _ in range(WAITS)],
                "uploads": lambda: [self._slow_upload() for _ in range(SLOW_UPLOADS)],
                "hostile": lambda: [self._hostile(paying, number) for number in range(HOSTILE_FILES)],
                "flood": lambda: [self._reads(paying), self._writes(paying)],
            }
            self.render = (await free.post("renders", json=self.wish)).raise_for_status().json()["id"]
            for piece in pieces:
                self.answers[piece] = Counter()
                for line in every[piece]():
                    group.create_task(line)

    async def _note(self, piece: str, asked: Awaitable[httpx.Response]) -> httpx.Response | None:
        try:
            answer = await asked
        except httpx.TransportError as error:
            self.answers[piece][type(error).__name__] += 1
            return None
        self.answers[piece][str(answer.status_code)] += 1
        return answer

    async def _drafts(self, client: httpx.AsyncClient) -> None:
        """Some long ones, a thousand in one breath, else in ever smaller parts, and each place that is free again."""
        sent = client.post("uploads", data={"kind": "voice"}, files={"file": ("a.mp3", mp3(LONG_SECONDS))})
        long = self.wish | {"voice": (await sent).raise_for_status().json()["id"]}
        await self._note("drafts", client.post("batches", json={"items": [long] * LONG_DRAFTS}))
        size = DRAFTS
        while True:
            answer = await self._note("drafts", client.post("batches", json={"items": [self.wish] * size}))
            if answer is None or not answer.is_success:
                size = max(1, size // 2)
            await asyncio.sleep(PAUSE if size > 1 else 2 * PAUSE)

    async def _look_for_another(self, client: httpx.AsyncClient) -> None:
        """Another render to wait for, unless the allowance is used up."""
        answer = await self._note("waits", client.get("renders", params={"limit": 1}))
        if answer is not None and answer.is_success:
            self.render = answer.json()["data"][0]["id"]

    async def _wait(self, client: httpx.AsyncClient) -> None:
        while True:
            began = time.monotonic()
            answer = await self._note("waits", client.get(f"renders/{self.render}", params={"wait": WAIT_SECONDS}))
            if answer is not None and answer.is_success and answer.json()["finished_at"]:
                await self._look_for_another(client)
            if time.monotonic() - began < WAIT_SECONDS / 2:
                await asyncio.sleep(PAUSE)

    async def _slow_upload(self) -> None:
        """A connection that sends a little of a large file each second."""
        at = urlsplit(self.address)
        head = (
            f"POST /api/v1/uploads HTTP/1.1\r\nHost: {at.netloc}\r\nAuthorization: Bearer {self.token}\r\n"
            f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {SLOW_BYTES}\r\n\r\n"
            '--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        )
        while True:
            try:
                read, write = await asyncio.open_connection(at.hostname, at.port)
                write.write(head.encode())
                while not read.at_eof():
                    write.write(bytes(1_000))
                    await write.drain()
                    await asyncio.sleep(1)
                    self.answers["uploads"]["bytes"] += 1_000
            except OSError as error:
                self.answers["uploads"][type(error).__name__] += 1
            await asyncio.sleep(PAUSE)

    async def _hostile(self, client: httpx.AsyncClient, number: int) -> None:
        for turn in cycle(range(1_000_000)):
            kind, content = self.hostile[(number + turn) % len(self.hostile)]
            new = content + os.urandom(8)  # or it would be one that is known
            sent = client.post("uploads", data={"kind": kind}, files={"file": (kind, new)})
            await self._note("hostile", sent)
            await asyncio.sleep(PAUSE)

    async def _reads(self, client: httpx.AsyncClient) -> None:
        await self._at_a_rate(READS_PER_MINUTE, lambda: client.get("renders", params={"limit": 100}))

    async def _writes(self, client: httpx.AsyncClient) -> None:
        await self._at_a_rate(WRITES_PER_MINUTE, lambda: client.post("quotes", json={"voice": self.voice}))

    async def _at_a_rate(self, per_minute: int, ask: Callable[[], Awaitable[httpx.Response]]) -> None:
        """Evenly, whether or not those before have been answered."""
        under_way: set[asyncio.Task[httpx.Response | None]] = set()
        while True:
            task = asyncio.create_task(self._note("flood", ask()))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
            await asyncio.sleep(60 / per_minute)


async def run(order: dict[str, Any]) -> dict[str, Counter[str]]:
    pieces = order.pop("pieces")
    attacker = Attacker(**order)
    attack = asyncio.create_task(attacker.attack(pieces))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, attack.cancel)
    with suppress(asyncio.CancelledError):
        await attack
    return attacker.answers


if __name__ == "__main__":
    os.nice(NICENESS)
    print(json.dumps(asyncio.run(run(json.loads(sys.stdin.read())))))
