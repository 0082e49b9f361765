"""Start this Stripe for a test and play the customer, the dashboard, the bank and the network. See the README.

In a test module: ``pytest_plugins = ["tests.simulators.stripe.fixture"]``, then ask for ``stripe_stand_in``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from stripe import StripeClient

from tests.simulators import loopback
from tests.simulators.fixture import ROOT, Control, end_process, first_words

GOOD_CARD = "4242424242424242"
BANK = "later"  # an action of the payment page


class StripeStandIn(Control):
    """A running stand-in. ``environment`` is what a site needs in order to use it."""

    def __init__(self, pid: int, environment: dict[str, str], base: str, restricted_key: str) -> None:
        super().__init__(base)
        self.pid = pid
        self.environment = environment
        self.key = environment["STRIPE_SECRET_KEY"]
        self.webhook_secret = environment["STRIPE_WEBHOOK_SECRET"]
        self.restricted_key = restricted_key
        self._pages = loopback.Client(base_url=base, timeout=60)

    def client(self, key: str | None = None, **more: Any) -> StripeClient:
        """The unmodified SDK; it doesn't try again unless ``max_network_retries`` says so."""
        given = {"max_network_retries": 0} | more
        return StripeClient(key or self.key, base_addresses={"api": self.base}, **given)

    def close(self) -> None:
        self._pages.close()
        super().close()

    # --- The customer

    def pay(self, session_id: str, number: str = GOOD_CARD, *, action: str = "pay") -> str:
        """Send the payment page's form; the address that it leads to, or "" if it stays.

        ``action``: pay, later (a bank debit), fail, cancel, authenticate, refuse.
        """
        answer = self._pages.post(f"/pay/{session_id}", data={"number": number, "action": action})
        if answer.status_code >= 500:
            raise RuntimeError(answer.text)
        return str(answer.headers.get("location", ""))

    def answer_bank(self, intent_id: str, *, is_me: bool = True) -> str:
        """At the page of the bank that asked about a confirmed payment; the address that it leads to."""
        answer = self._pages.post(f"/authenticate/{intent_id}", data={"action": "authenticate" if is_me else "refuse"})
        if answer.status_code >= 400:
            raise RuntimeError(answer.text)
        return str(answer.headers.get("location", ""))

    # --- The bank and the dashboard

    def settle_payment(self, intent_id: str, *, succeeded: bool = True) -> dict[str, Any]:
        return self._call("POST", f"payments/{intent_id}/settle", {"succeeded": succeeded})

    def refund(self, charge_id: str, amount: int | None = None) -> dict[str, Any]:
        """From the dashboard; all that is left without an amount (cents)."""
        return self._call("POST", f"charges/{charge_id}/refund", {} if amount is None else {"amount": amount})

    def settle_refund(self, refund_id: str, status: str) -> dict[str, Any]:
        """``succeeded``, ``failed`` or ``canceled``."""
        return self._call("POST", f"refunds/{refund_id}/settle", {"status": status})

    def dispute(self, charge_id: str, *, amount: int | None = None, inquiry: bool = False) -> dict[str, Any]:
        return self._call("POST", f"charges/{charge_id}/dispute", {"amount": amount, "inquiry": inquiry})

    def escalate(self, dispute_id: str) -> dict[str, Any]:
        return self._call("POST", f"disputes/{dispute_id}/escalate")

    def close_dispute(self, dispute_id: str, status: str) -> dict[str, Any]:
        """``won``, ``lost``, or ``warning_closed`` for an inquiry."""
        return self._call("POST", f"disputes/{dispute_id}/close", {"status": status})

    # --- What is there, and what it shall say instead

    def objects(self, kind: str) -> list[dict[str, Any]]:
        """All of a kind (``charge``, ``checkout.session``, …), oldest first."""
        return list(self._call("GET", f"objects/{kind}")["objects"])

    def change(self, object_id: str, **fields: Any) -> dict[str, Any]:
        """Set any field of any object, announced to nobody."""
        return self._call("PATCH", f"objects/{object_id}", fields)

    def events(self, *types: str) -> list[dict[str, Any]]:
        """Oldest first; of these types only, if any are named."""
        return [event for event in self.objects("event") if not types or event["type"] in types]

    def announce(self, kind: str, object_id: str) -> dict[str, Any]:
        """An event out of the blue, about an object as it is now."""
        return self._call("POST", "announce", {"type": kind, "object": object_id})

    # --- Letters

    def letter(self, event_id: str, way: str = "", **changes: Any) -> tuple[bytes, dict[str, str]]:
        """Body and headers of the signed request that tells of an event; ``way`` forges it, ``changes`` are signed."""
        found = self._call("POST", f"letters/{event_id}", {"way": way, "changes": changes})
        return found["body"].encode(), dict(found["headers"])

    def deliver(self, *event_ids: str, copies: int = 1, at_once: bool = False, way: str = "") -> list[dict[str, Any]]:
        """Send these events to ``webhook_url``, in this order unless ``at_once``; every letter that was ever sent."""
        wish = {"events": list(event_ids), "copies": copies, "at_once": at_once, "way": way}
        return list(self._call("POST", "deliver", wish)["webhooks"])

    def writes(self) -> dict[str, int]:
        """How often each writing endpoint did something; a replayed answer does nothing."""
        return dict(self._call("GET", "requests")["writes"])


@contextmanager
def running_stripe(*, port: int = 0, speed: float = 1.0, **settings: Any) -> Iterator[StripeStandIn]:
    """Start the process, wait until it answers, and end it (also if this process dies)."""
    command = [sys.executable, "-m", "tests.simulators.stripe", "--until-stdin-ends"]
    command += ["--speed", str(speed), "--port", str(port)]
    for name, value in settings.items():
        command += ["--set", f"{name}={json.dumps(value)}"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        said = first_words(process)
        stand_in = StripeStandIn(said["pid"], said["environment"], said["control"], said["restricted_key"])
        try:
            yield stand_in
        finally:
            stand_in.close()
    finally:
        end_process(process)


@pytest.fixture(scope="session")
def stripe_process() -> Iterator[StripeStandIn]:
    """One process for all tests of this worker."""
    with running_stripe() as stand_in:
        yield stand_in


@pytest.fixture
def stripe_stand_in(stripe_process: StripeStandIn) -> StripeStandIn:
    """Stripe as on the first day: no objects, no faults, and no webhook address."""
    stripe_process.reset()
    return stripe_process
