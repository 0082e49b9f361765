"""The sender of webhooks: an asyncio loop over endpoints, each of which gets its deliveries one after the other.

Endpoints are served side by side, and those that have failed take at most half of the places, so a slow or dead one
holds up nobody but itself. Correctness rests on the claim of each delivery, never on the round's lease.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

from asgiref.sync import async_to_sync, sync_to_async
from django.utils import timezone

from avatarsite.http.client import Client
from avatarsite.http.post import SECONDS, new_post_client
from avatarsite.outbox import deliveries
from avatarsite.outbox.due import SENDER, due_endpoints, work_left
from avatarsite.outbox.events import fan_out_all
from avatarsite.outbox.models import Endpoint
from avatarsite.outbox.posting import PostResult, post
from avatarsite.queue import lease
from avatarsite.queue.sweeping import tell_failure

RUN_SECONDS = 45.0  # with the last post well below the queue's limit for the watch cluster
RENEW_EVERY = 5.0
LOOK_EVERY = 0.5
IDLE_SECONDS = 6.5  # how long to stay when nothing is due: longer than the first wait for another try
FINISH_SECONDS = SECONDS + 2
PLACES = 64
PLACES_FOR_FAILING = 32
DELIVERIES_A_TURN, SECONDS_A_TURN = 50, 20.0  # then the place is free for who has waited longer

Clock = Callable[[], datetime]


def send_webhooks(
    *,
    run_seconds: float = RUN_SECONDS,
    idle_seconds: float = IDLE_SECONDS,
    stopping: Callable[[], bool] = lambda: False,
    clock: Clock = timezone.now,
) -> bool:
    """Send what is due until nothing is left or the time is up; then hand over. False if another round is running.

    ``clock`` says what is due; leases and signatures go by the real one.
    """
    return lease.run_alone(
        SENDER,
        lambda owner: async_to_sync(_Round(owner, run_seconds, idle_seconds, stopping, clock).run)(),
        lambda: work_left(clock()),
    )


@dataclass(slots=True)
class _Round:
    owner: str
    run_seconds: float
    idle_seconds: float
    stopping: Callable[[], bool]
    clock: Clock
    turns: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
    closing: bool = False

    async def run(self) -> None:
        # Names are looked up in threads, and the usual handful could all wait for one slow resolver.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(PLACES, "lookup"))
        start = renewed = busy = time.monotonic()
        while (now := time.monotonic()) - start < self.run_seconds and not self.stopping():
            if now - renewed > RENEW_EVERY:
                if not await sync_to_async(lease.acquire)(SENDER, self.owner):
                    break
                renewed = now
            await self._look()
            if self.turns:
                busy = now
                await asyncio.wait(self.turns.values(), timeout=LOOK_EVERY, return_when=asyncio.FIRST_COMPLETED)
            elif now - busy >= self.idle_seconds:
                break
            else:
                await asyncio.sleep(min(LOOK_EVERY, self.idle_seconds))
        self.closing = True
        if self.turns:
            await asyncio.wait(self.turns.values(), timeout=FINISH_SECONDS)

    async def _look(self) -> None:
        """Give free places to endpoints that have something due."""
        for endpoint in await sync_to_async(self._due)():
            if len(self.turns) >= PLACES:
                break
            if endpoint.pk in self.turns or (endpoint.failures and len(self.failing) >= PLACES_FOR_FAILING):
                continue
            if endpoint.failures:
                self.failing.add(endpoint.pk)
            self.turns[endpoint.pk] = asyncio.create_task(self._serve_endpoint(endpoint.pk))

    def _due(self) -> list[Endpoint]:
        fan_out_all()
        return list(due_endpoints(self.clock())[: 2 * PLACES])

    async def _serve_endpoint(self, endpoint_id: str) -> None:
        try:
            async with new_post_client() as client:
                await self._serve(client, endpoint_id)
        except Exception as error:  # noqa: BLE001 -- told; its own endpoint alone waits
            # Its claim runs out, and the delivery is tried again.
            await sync_to_async(tell_failure)("Sending webhooks to an endpoint", endpoint_id, error)
        finally:
            self.failing.discard(endpoint_id)
            del self.turns[endpoint_id]

    async def _serve(self, client: Client, endpoint_id: str) -> None:
        began = time.monotonic()
        for delivery in await sync_to_async(self._begin)(endpoint_id):
            if self.closing or time.monotonic() - began > SECONDS_A_TURN:
                return
            claimed = await sync_to_async(deliveries.claim)(delivery, self.clock())
            if claimed is None:
                continue
            answer = await _send(client, claimed)
            if not await sync_to_async(deliveries.record)(claimed, answer, self.clock()):
                return

    def _begin(self, endpoint_id: str) -> list[str]:
        now = self.clock()
        Endpoint.objects.filter(pk=endpoint_id).update(served_at=now)
        return deliveries.due_of(endpoint_id, now, DELIVERIES_A_TURN)


async def _send(client: Client, claimed: deliveries.ClaimedDelivery) -> PostResult:
    if not claimed.headers:
        return PostResult(None, deliveries.UNSIGNED, 0)
    try:
        return await post(client, claimed.url, claimed.body, claimed.headers)
    except Exception as error:  # noqa: BLE001 -- told
        # An answer like others: it waits for its next try, and what stands behind it gets its turn.
        await sync_to_async(tell_failure)("Sending a webhook", claimed.delivery, error)
        return PostResult(None, f"Nothing was sent: our own work on it broke ({type(error).__name__}).", 0)
