"""Signed letters about what happened, exactly as ``stripe.Webhook`` verifies them, and everything forged."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass

from tests.simulators.letters import Letters, Manners
from tests.simulators.stripe import lists
from tests.simulators.stripe.errors import bad
from tests.simulators.stripe.shapes import Body
from tests.simulators.stripe.world import Call, World

RETENTION_DAYS = 30
# Up to three days, with growing waits.
WAITS = (300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 43_200.0, 43_200.0, 43_200.0, 43_200.0)
OLD_SECONDS = 301


@dataclass(frozen=True)
class Sealed:
    body: str
    headers: dict[str, str]


def page(world: World, call: Call) -> Body:
    """Events of the last 30 days: older ones Stripe no longer gives."""
    if "type" in call.params and "types" in call.params:
        raise bad("You may only specify one of these parameters: type, types.", param="types")
    oldest = world.now() - RETENTION_DAYS * 86_400
    for gone in [one["id"] for one in world.tables["event"].values() if one["created"] < oldest]:
        del world.tables["event"][gone]
    return lists.page(world, "event", call, url="/v1/events")


def signature(body: str, secret: str, moment: int) -> str:
    """``v1`` of a Stripe-Signature: an HMAC-SHA256 over ``<moment>.<body>``."""
    return hmac.new(secret.encode(), f"{moment}.{body}".encode(), hashlib.sha256).hexdigest()


def letter(world: World, event: Body, way: str = "", **changes: object) -> Sealed:
    """The request that tells of ``event``, forged in one of the ways of FORGERIES if ``way`` is given.

    ``changes`` are put into the event's object before it is signed: a genuine letter that says something else.
    """
    told = deepcopy(event)
    told["data"]["object"].update(changes)
    body = json.dumps(told, indent=2)
    moment = int(time.time())
    secrets = [world.settings.webhook_secret, world.settings.old_webhook_secret]
    header = _header(body, [secret for secret in secrets if secret], moment)
    if way:
        body, header = FORGERIES[way](body, world.settings.webhook_secret, moment)
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
    }
    return Sealed(body, headers | ({"Stripe-Signature": header} if header else {}))


def _header(body: str, secrets: list[str], moment: int) -> str:
    # Test mode sends a v0 beside the v1 that nobody may believe.
    return ",".join([f"t={moment}", *(f"v1={signature(body, secret, moment)}" for secret in secrets), f"v0={'0' * 64}"])


Forgery = Callable[[str, str, int], tuple[str, str]]
FORGERIES: dict[str, Forgery] = {
    "wrong_secret": lambda body, _, now: (body, _header(body, ["whsec_somebody_else"], now)),
    "old": lambda body, secret, now: (body, _header(body, [secret], now - OLD_SECONDS)),
    "mutated": lambda body, secret, now: (body.replace('"object"', '"object" ', 1), _header(body, [secret], now)),
    "unsigned": lambda body, _secret, _now: (body, ""),
    "v0_alone": lambda body, secret, now: (body, f"t={now},v0={signature(body, secret, now)}"),
    "moment_moved": lambda body, secret, now: (
        body,
        _header(body, [secret], now - OLD_SECONDS).replace(str(now - OLD_SECONDS), str(now)),
    ),
    "garbled": lambda body, _secret, now: (body, f"t={now};v1"),
    "not_json": lambda _, secret, now: ("<html>", _header("<html>", [secret], now)),
}


class Postman:
    """Brings letters to the site's webhook address: at once, or when and in which order he is told."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.letters = Letters(world.clock, self._manners)
        world.on_event = self.on_event

    def _manners(self) -> Manners:
        least = self._world.settings.webhook_timeout_real_seconds
        return Manners(timeout=20.0, waits=WAITS, least_timeout=least)

    def on_event(self, event: Body) -> None:
        settings = self._world.settings
        wanted = settings.enabled_events
        if not settings.webhook_url or ("*" not in wanted and event["type"] not in wanted):
            return
        if settings.delivery == "held":
            return
        if self._world.strike("webhook_lost", event["type"]) is not None:
            self.letters.lose(event["id"], settings.webhook_url)
            return
        late = self._world.strike("webhook_late", event["type"])
        copies = (self._world.strike("webhook_duplicate", event["type"]) or {"copies": 1})["copies"]
        forged = self._world.strike("webhook_forged", event["type"])
        for _ in range(copies):
            self.send(event, way=forged["way"] if forged else "", after=late["seconds"] if late else 0.0)

    def send(
        self, event: Body, *, way: str = "", after: float = 0.0, following: asyncio.Task[None] | None = None
    ) -> asyncio.Task[None]:
        async def seal() -> tuple[bytes, dict[str, str]]:
            sealed = letter(self._world, event, way)
            return sealed.body.encode(), sealed.headers

        url = self._world.settings.webhook_url
        task = self.letters.post(event["id"], url, seal, after=after, following=following, label=event["type"])
        posted = self.letters.sent[-1]
        task.add_done_callback(lambda _: posted.state == "delivered" and event.update(pending_webhooks=0))
        return task
