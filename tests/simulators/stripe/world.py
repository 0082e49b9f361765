"""All that this Stripe knows: its objects by kind, its time, and the events that every change leaves behind."""

from __future__ import annotations

import itertools
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import stripe
from stripe.billing_portal import Configuration
from stripe.billing_portal import Session as PortalSession
from stripe.checkout import Session

from tests.simulators.clock import Clock
from tests.simulators.faults import FaultBoard
from tests.simulators.stripe.errors import Refusal, no_such, no_such_given
from tests.simulators.stripe.faults import CATALOGUE, ROUTES
from tests.simulators.stripe.settings import StripeSettings
from tests.simulators.stripe.shapes import Body, shaped

# Kind of object: the SDK's class, the prefix of its ids, and its name in "No such …".
KINDS: dict[str, tuple[type, str, str]] = {
    "balance_transaction": (stripe.BalanceTransaction, "txn", "balance transaction"),
    "billing_portal.configuration": (Configuration, "bpc", "configuration"),
    "billing_portal.session": (PortalSession, "bps", "session"),
    "charge": (stripe.Charge, "ch", "charge"),
    "checkout.session": (Session, "cs_test", "checkout.session"),
    "customer": (stripe.Customer, "cus", "customer"),
    "dispute": (stripe.Dispute, "du", "dispute"),
    "event": (stripe.Event, "evt", "event"),
    "invoice": (stripe.Invoice, "in", "invoice"),
    "payment_intent": (stripe.PaymentIntent, "pi", "payment_intent"),
    "payment_method": (stripe.PaymentMethod, "pm", "PaymentMethod"),
    "refund": (stripe.Refund, "re", "refund"),
    "setup_intent": (stripe.SetupIntent, "seti", "setupintent"),
}
WITHOUT_LIVEMODE = ("balance_transaction", "refund")


@dataclass
class Call:
    """One request that was let in."""

    params: Body
    id: str = ""
    sub_id: str = ""
    request_id: str | None = None
    idempotency_key: str | None = None


@dataclass
class Kept:
    """What an object is to us and Stripe would not show: by its id."""

    behaviour: dict[str, str] = field(default_factory=dict)  # of a payment method's card
    line_items: dict[str, list[Body]] = field(default_factory=dict)
    wishes: dict[str, Body] = field(default_factory=dict)  # a session's parameters


class World:
    def __init__(self, settings: StripeSettings, speed: float = 1.0) -> None:
        self.settings = settings
        self.default_settings = settings.shown()
        self.clock = Clock(speed)
        self.faults = FaultBoard("stripe", CATALOGUE, ROUTES)
        self.base = ""  # our address, known once the port is
        self.on_event: Callable[[Body], None] = lambda _: None
        self.call: Call | None = None
        self._born = time.time() - self.clock.now()
        self._fresh()

    def _fresh(self) -> None:
        self.tables: dict[str, dict[str, Body]] = {kind: {} for kind in KINDS}
        self.kept = Kept()
        self.requests: Counter[str] = Counter()
        self.writes: Counter[str] = Counter()
        self._numbers = itertools.count(1)

    def reset(self) -> None:
        """As on the first day, but for the clock's speed."""
        self.clock.forget()
        self._born = time.time() - self.clock.now()
        self.faults.switch_off()
        self.settings.apply(self.default_settings)
        self._fresh()

    # --- Time and names

    def now(self) -> int:
        """Stripe's time in Unix seconds: ours, until the clock is moved on."""
        return int(self._born + self.clock.now())

    def new_id(self, prefix: str) -> str:
        """Ids sort by age, which Stripe doesn't promise; nobody may use it, and the logs read better."""
        return f"{prefix}_{next(self._numbers):06d}{secrets.token_hex(9)}"

    # --- Objects

    def add(self, kind: str, **values: Any) -> Body:
        """A new object with every field of its class, not yet announced."""
        answer, prefix, _ = KINDS[kind]
        common: Body = {"id": self.new_id(prefix), "created": self.now()}
        if kind not in WITHOUT_LIVEMODE:
            common["livemode"] = self.settings.livemode
        made = shaped(answer, common | values)
        self.tables[kind][made["id"]] = made
        return made

    def get(self, kind: str, object_id: str, param: str | None = None) -> Body:
        """The object itself. ``param`` names the parameter that gave its id, if one did.

        :raises Refusal: ``resource_missing``.
        """
        found = self.tables[kind].get(object_id)
        if found is None:
            word = KINDS[kind][2]
            raise no_such_given(word, object_id, param) if param else no_such(word, object_id)
        return found

    def find(self, object_id: str) -> Body | None:
        """Any object by its id."""
        return next((table[object_id] for table in self.tables.values() if object_id in table), None)

    def newest_first(self, kind: str) -> Iterator[Body]:
        return reversed(self.tables[kind].values())

    # --- What happened

    def change(self, it: Body, event: str | None = None, **values: Any) -> None:
        """Set fields; with ``event`` announce it with what they were before."""
        before = {name: it.get(name) for name, value in values.items() if it.get(name) != value}
        it.update(values)
        if event:
            self.announce(event, it, before)

    def announce(self, event: str, it: Body, before: Body | None = None) -> Body:
        """Record an event with a snapshot of ``it``, and send it to whom it concerns."""
        data: Body = {"object": deepcopy(it)}
        if event.endswith(".updated"):
            data["previous_attributes"] = deepcopy(before or {})
        call = self.call
        made = self.add(
            "event",
            type=event,
            api_version=self.settings.api_version,
            data=data,
            pending_webhooks=1 if self.settings.webhook_url else 0,
            request={
                "id": call.request_id if call else None,
                "idempotency_key": call.idempotency_key if call else None,
            },
        )
        made["data"] = data  # an update's previous attributes are only there in updates
        self.on_event(made)
        return made

    def strike(self, name: str, *texts: str) -> Body | None:
        return self.faults.strike(name, texts)


def shown(error: Refusal, request_id: str) -> Body:
    """An error's body."""
    log = f"https://dashboard.stripe.com/test/logs/{request_id}"
    return {"error": error.error | {"request_log_url": log}}
