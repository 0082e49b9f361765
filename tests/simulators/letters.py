"""Webhooks as a provider sends them: tries, waits, gives up, and keeps a record of each."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import aiohttp

from tests.simulators.clock import Clock

Sealed = tuple[bytes, dict[str, str]]
Seal = Callable[[], Awaitable[Sealed]]


def unsigned(body: bytes) -> Seal:
    """A letter that is the same in each try and carries no seal."""

    async def seal() -> Sealed:
        return body, {}

    return seal


@dataclass(slots=True)
class Letter:
    id: int
    job: str
    url: str
    label: str = "result"
    state: str = "waiting"  # later (it or its next try isn't due), delivered, given_up, lost
    body: str = ""
    tries: list[dict[str, Any]] = field(default_factory=list)

    def shown(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Manners:
    """How a provider delivers: its time limit and the waits between tries, in provider seconds."""

    timeout: float
    waits: Sequence[float]
    least_timeout: float = 2.0  # real seconds


class Letters:
    def __init__(self, clock: Clock, manners: Callable[[], Manners]) -> None:
        self._clock = clock
        self._manners = manners
        self._ids = itertools.count(1)
        self._under_way: set[asyncio.Task[None]] = set()
        self._client: aiohttp.ClientSession | None = None
        self.sent: deque[Letter] = deque(maxlen=20_000)

    async def open(self) -> None:
        self._client = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=50))

    async def close(self) -> None:
        self.clear()
        if self._client is not None:
            await self._client.close()

    def clear(self) -> None:
        for task in list(self._under_way):
            task.cancel()
        self.sent.clear()

    def lose(self, job: str, url: str) -> Letter:
        letter = Letter(next(self._ids), job, url, state="lost")
        self.sent.append(letter)
        return letter

    def post(
        self,
        job: str,
        url: str,
        seal: Seal,
        *,
        after: float = 0.0,
        following: asyncio.Task[None] | None = None,
        label: str = "result",
    ) -> asyncio.Task[None]:
        """Deliver in the background, once ``following`` is through. ``seal`` gives body and headers for each try."""
        letter = Letter(next(self._ids), job, url, label)
        self.sent.append(letter)
        task = asyncio.get_running_loop().create_task(self._deliver(letter, seal, after, following))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task

    async def settled(self) -> None:
        """Wait until nothing is under way."""
        while self._under_way:
            await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _deliver(self, letter: Letter, seal: Seal, after: float, following: asyncio.Task[None] | None) -> None:
        if following is not None:
            await asyncio.wait([following])
        if after:
            await self._later(letter, after)
        manners = self._manners()
        for wait in (*manners.waits, None):
            if await self._try(letter, seal, manners):
                letter.state = "delivered"
                return
            if wait is not None:
                await self._later(letter, wait)
        letter.state = "given_up"

    async def _later(self, letter: Letter, seconds: float) -> None:
        letter.state = "later"
        await self._clock.sleep(seconds)
        letter.state = "waiting"

    async def _try(self, letter: Letter, seal: Seal, manners: Manners) -> bool:
        body, headers = await seal()
        letter.body = body.decode(errors="replace")
        limit = self._clock.real_seconds(manners.timeout, least=manners.least_timeout)
        began = time.monotonic()
        record: dict[str, Any] = {"at": round(self._clock.now(), 3)}
        letter.tries.append(record)
        try:
            record["status"] = await self._send(letter.url, body, headers, limit)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            record["error"] = f"{type(error).__name__}: {error}"[:200]
        record["real_ms"] = round((time.monotonic() - began) * 1000)
        return 200 <= record.get("status", 0) < 300

    async def _send(self, url: str, body: bytes, headers: dict[str, str], limit: float) -> int:
        if self._client is None:
            raise RuntimeError("open() the letters first")
        timeout = aiohttp.ClientTimeout(total=limit)
        kind = {"Content-Type": "application/json"}
        async with self._client.post(
            url, data=body, headers=kind | headers, timeout=timeout, allow_redirects=False
        ) as answer:
            return answer.status
