"""An open loop at a fixed rate: each request has its moment, whatever became of those before it.

Its time counts from that moment and not from its sending, so that a site that stalls is charged with all who wait.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import aiohttp

from benchmarks.load.mix import MIX, Customer, Kind

GIVEN_UP_AFTER = 30.0
SAID = 300  # characters of what went wrong


@dataclass
class Answers:
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    late_sent: list[float] = field(default_factory=list)  # how late the loop itself was
    errors: Counter[str] = field(default_factory=Counter)  # by kind
    said: Counter[str] = field(default_factory=Counter)

    @property
    def right(self) -> int:
        return sum(map(len, self.seconds.values())) - self.errors.total()


@dataclass
class Load:
    address: str
    customers: list[Customer]
    dice: random.Random
    answers: Answers = field(default_factory=Answers)

    def run(self, rate: float, seconds: float) -> None:
        """``rate`` requests a second of the mix."""
        names = [name for name, (share, _) in MIX.items() for _ in range(share)]
        order: list[str] = []
        while len(order) < rate * seconds:
            order += self.dice.sample(names, len(names))
        asyncio.run(self._open_loop(order[: round(rate * seconds)], rate))

    def one_by_one(self, name: str, count: int) -> None:
        asyncio.run(self._closed_loop([name] * count))

    async def _open_loop(self, order: list[str], rate: float) -> None:
        async with self._session() as session:
            began = time.monotonic() + 0.1
            under_way: set[asyncio.Task[None]] = set()
            for number, name in enumerate(order):
                due = began + number / rate
                if (left := due - time.monotonic()) > 0:
                    await asyncio.sleep(left)
                task = asyncio.create_task(self._ask(session, name, due))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
            await asyncio.gather(*under_way)

    async def _closed_loop(self, order: Iterable[str]) -> None:
        async with self._session() as session:
            for name in order:
                await self._ask(session, name, time.monotonic())

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            self.address,
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=20),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=GIVEN_UP_AFTER),
            auto_decompress=False,
        )

    async def _ask(self, session: aiohttp.ClientSession, name: str, due: float) -> None:
        kind: Kind = MIX[name][1]
        one = self.dice.choice(self.customers)
        wish = kind(one, self.dice)
        self.answers.late_sent.append(time.monotonic() - due)
        try:
            async with session.request(
                wish.method, wish.path, headers=wish.headers, data=wish.body, allow_redirects=False
            ) as answer:
                body = await answer.read()
                wrong = "" if answer.status == wish.status and wish.holds in body else f"{answer.status} {body!r}"
        except (aiohttp.ClientError, TimeoutError) as error:
            wrong, body = f"{type(error).__name__} {error}", b""
        took = time.monotonic() - due
        self.answers.seconds[name].append(took)
        if wrong:
            self.answers.errors[name] += 1
            self.answers.said[f"{name}: {wrong[:SAID]}"] += 1
        elif name == "create":
            one.made.append(_id_of(body))


def _id_of(body: bytes) -> str:
    return body.partition(b'"id":"')[2].partition(b'"')[0].decode()
