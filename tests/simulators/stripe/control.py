"""The back door of this Stripe, under ``/_control/``: what the dashboard, the banks and the network do. No key."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from aiohttp import web

from tests.simulators.faults import FaultError
from tests.simulators.settings import SettingError
from tests.simulators.stripe import checkout, disputes, refunds
from tests.simulators.stripe.errors import Refusal
from tests.simulators.stripe.events import FORGERIES, Postman, letter
from tests.simulators.stripe.server import Door
from tests.simulators.stripe.shapes import Body
from tests.simulators.stripe.world import World

Answer = Callable[[web.Request], Awaitable[web.Response]]
SETTLE_SECONDS = 60


class BackDoor:
    def __init__(self, world: World, door: Door, postman: Postman) -> None:
        self._world, self._door, self._postman = world, door, postman

    def add_routes(self, app: web.Application) -> None:
        for method, path, handler in (
            ("GET", "health", self.health),
            ("GET", "settings", self.settings),
            ("PATCH", "settings", self.change_settings),
            ("GET", "clock", self.clock),
            ("POST", "clock", self.change_clock),
            ("GET", "faults", self.faults),
            ("POST", "faults", self.switch_on),
            ("DELETE", "faults", self.switch_off),
            ("DELETE", "faults/{id:\\d+}", self.switch_off),
            ("GET", "requests", self.requests),
            ("GET", "objects/{kind}", self.objects),
            ("PATCH", "objects/{id}", self.change_object),
            ("POST", "payments/{id}/settle", self.settle_payment),
            ("POST", "charges/{id}/refund", self.refund),
            ("POST", "refunds/{id}/settle", self.settle_refund),
            ("POST", "charges/{id}/dispute", self.dispute),
            ("POST", "disputes/{id}/escalate", self.escalate),
            ("POST", "disputes/{id}/close", self.close_dispute),
            ("POST", "announce", self.announce),
            ("POST", "letters/{id}", self.letter),
            ("POST", "deliver", self.deliver),
            ("GET", "webhooks", self.webhooks),
            ("POST", "webhooks/settle", self.settle),
            ("POST", "reset", self.reset),
        ):
            app.router.add_route(method, f"/_control/{path}", _spoken(handler))

    # --- The machine

    async def health(self, _: web.Request) -> web.Response:
        return web.json_response({"provider": "stripe", "pid": os.getpid(), "cpu_seconds": time.process_time()})

    async def settings(self, _: web.Request) -> web.Response:
        return web.json_response(self._world.settings.shown())

    async def change_settings(self, request: web.Request) -> web.Response:
        self._world.settings.apply(await request.json())
        return await self.settings(request)

    async def clock(self, _: web.Request) -> web.Response:
        return web.json_response({"now": self._world.now(), "speed": self._world.clock.speed})

    async def change_clock(self, request: web.Request) -> web.Response:
        change = await request.json()
        if "speed" in change:
            self._world.clock.set_speed(float(change["speed"]))
        if "jump" in change:
            self._world.clock.jump(float(change["jump"]))
            await asyncio.sleep(0)
        return await self.clock(request)

    async def faults(self, _: web.Request) -> web.Response:
        board = self._world.faults
        known = {name: kind.says for name, kind in board.catalogue.items()}
        return web.json_response({"on": board.shown(), "known": known, "forgeries": sorted(FORGERIES)})

    async def switch_on(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        fault = self._world.faults.switch_on(
            wanted["name"], times=wanted.get("times"), match=wanted.get("match", ""), params=wanted.get("params")
        )
        return web.json_response({"id": fault.id}, status=201)

    async def switch_off(self, request: web.Request) -> web.Response:
        number = request.match_info.get("id")
        self._world.faults.switch_off(int(number) if number else None)
        return await self.faults(request)

    async def requests(self, _: web.Request) -> web.Response:
        """How often each endpoint was asked, and how often it did something."""
        return web.json_response({"requests": dict(self._world.requests), "writes": dict(self._world.writes)})

    async def reset(self, request: web.Request) -> web.Response:
        self._postman.letters.clear()
        self._world.reset()
        self._door.reset()
        return await self.health(request)

    # --- What is known here, and what the dashboard and the banks do with it

    async def objects(self, request: web.Request) -> web.Response:
        """All objects of a kind, oldest first."""
        return web.json_response({"objects": list(self._world.tables[request.match_info["kind"]].values())})

    async def change_object(self, request: web.Request) -> web.Response:
        """Set fields of any object, whether Stripe could or not; nothing is announced."""
        found = self._found(request)
        found.update(await request.json())
        return web.json_response(found)

    def _found(self, request: web.Request, kind: str = "") -> Body:
        object_id = request.match_info["id"]
        found = self._world.tables[kind].get(object_id) if kind else self._world.find(object_id)
        if found is None:
            raise ValueError(f"there is no {object_id}")
        return found

    async def settle_payment(self, request: web.Request) -> web.Response:
        """``{"succeeded": true}``: the bank has spoken about a payment that was under way."""
        wish = await _wish(request)
        intent = self._found(request, "payment_intent")
        checkout.settle(self._world, intent, succeeded=wish.get("succeeded", True))
        return web.json_response(intent)

    async def refund(self, request: web.Request) -> web.Response:
        """``{"amount": cents}``, from the dashboard."""
        wish = await _wish(request)
        charge = self._found(request, "charge")
        amount = wish.get("amount", charge["amount"] - charge["amount_refunded"])
        refunds.demand_refundable(charge, amount)
        made = refunds.make_refund(self._world, charge, amount, reason=wish.get("reason", "requested_by_customer"))
        return web.json_response(made)

    async def settle_refund(self, request: web.Request) -> web.Response:
        """``{"status": "succeeded" | "failed" | "canceled"}``."""
        wish = await _wish(request)
        refund = self._found(request, "refund")
        refunds.settle(self._world, refund, wish["status"])
        return web.json_response(refund)

    async def dispute(self, request: web.Request) -> web.Response:
        """``{"amount", "reason", "inquiry"}``, each or none."""
        wish = await _wish(request)
        return web.json_response(disputes.open_dispute(self._world, self._found(request, "charge"), **wish))

    async def escalate(self, request: web.Request) -> web.Response:
        found = self._found(request, "dispute")
        disputes.escalate(self._world, found)
        return web.json_response(found)

    async def close_dispute(self, request: web.Request) -> web.Response:
        """``{"status": "won" | "lost" | "warning_closed"}``."""
        found = self._found(request, "dispute")
        disputes.close(self._world, found, (await _wish(request))["status"])
        return web.json_response(found)

    # --- Letters

    async def announce(self, request: web.Request) -> web.Response:
        """``{"type", "object": id}``: an event out of the blue, with the object as it is now."""
        wish = await _wish(request)
        found = self._world.find(wish["object"])
        if found is None:
            raise ValueError(f"there is no {wish['object']}")
        return web.json_response(self._world.announce(wish["type"], found))

    async def letter(self, request: web.Request) -> web.Response:
        """The signed request that tells of an event, to bring it yourself: ``{"way": "", "changes": {}}``."""
        wish = await _wish(request)
        event = self._found(request, "event")
        return web.json_response(asdict(letter(self._world, event, wish.get("way", ""), **wish.get("changes", {}))))

    async def deliver(self, request: web.Request) -> web.Response:
        """``{"events": [ids in order], "copies": 1, "at_once": false, "way": ""}``; answers when all are through."""
        wish = await _wish(request)
        tasks: list[asyncio.Task[None]] = []
        for event_id in wish["events"]:
            event = self._world.tables["event"][event_id]
            for _ in range(wish.get("copies", 1)):
                before = None if wish.get("at_once") or not tasks else tasks[-1]
                tasks.append(self._postman.send(event, way=wish.get("way", ""), following=before))
        if tasks:
            await asyncio.wait(tasks, timeout=SETTLE_SECONDS)
        return await self.webhooks(request)

    async def webhooks(self, request: web.Request) -> web.Response:
        """Every letter with its tries, oldest first; ``?job=`` is an event's id."""
        wanted = request.query.get("job")
        sent = [one.shown() for one in self._postman.letters.sent if wanted in (None, one.job)]
        return web.json_response({"webhooks": sent})

    async def settle(self, request: web.Request) -> web.Response:
        await asyncio.wait_for(self._postman.letters.settled(), timeout=SETTLE_SECONDS)
        return await self.webhooks(request)


async def _wish(request: web.Request) -> dict[str, Any]:
    return dict(await request.json()) if request.can_read_body else {}


def _spoken(handler: Answer) -> Answer:
    async def speak(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except Refusal as refusal:
            return web.json_response({"error": refusal.error}, status=400)
        except (SettingError, FaultError, ValueError, KeyError, TypeError) as error:
            return web.json_response({"error": str(error)}, status=400)

    return speak
