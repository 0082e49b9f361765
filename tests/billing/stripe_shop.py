"""This site beside the Stripe stand-in: a workspace that buys, and the letters that tell of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.test import Client

from avatarsite.inbox.models import InboundEvent
from avatarsite.inbox.receive import handle_event
from avatarsite.models import Alert
from avatarsite.queue import due_rows
from avatarsite.workspaces.models import User, Workspace
from billing.debts import receivables
from billing.ledger import posting
from billing.models import Dispute, Refund, TopUp, Transfer
from billing.topups import checkout
from tests.billing.cast import DOLLAR
from tests.simulators.stripe.fixture import StripeStandIn

RETURN_URL = "http://127.0.0.1:8000/back/{top_up}"


@dataclass
class Shop:
    """A workspace, somebody who may spend its money, and Stripe."""

    workspace: Workspace
    user: User
    stripe: StripeStandIn

    def start(self, dollars: int = 20, **more: Any) -> TopUp:
        more |= {"amount_cents": dollars * 100, "return_url": RETURN_URL}
        return checkout.start_top_up(self.workspace, self.user, **more)

    def buy(self, dollars: int = 20, **more: Any) -> TopUp:
        """A top-up that is paid and credited, told of by nobody but the return page."""
        top_up = self.start(dollars, **more)
        self.stripe.pay(top_up.session_id or "")
        return checkout.check_top_up(top_up)

    def charge_of(self, top_up: TopUp) -> str:
        payment = next(row for row in self.stripe.objects("payment_intent") if row["id"] == top_up.payment_intent_id)
        return str(payment["latest_charge"])

    # --- Letters

    def post(self, body: bytes, headers: dict[str, str]) -> int:
        given = {name: value for name, value in headers.items() if name.lower() != "content-length"}
        answer = Client().post("/hooks/stripe/", data=body, content_type="application/json", headers=given)
        return answer.status_code

    def tell(self, *types: str, copies: int = 1, way: str = "", **changes: Any) -> list[str]:
        """Deliver every event so far (of these types, in this order), and have each letter handled."""
        events = [event for kind in types for event in self.stripe.events(kind)] if types else self.stripe.events()
        return self.tell_events([event["id"] for event in events], copies=copies, way=way, **changes)

    def tell_events(self, ids: Iterable[str], *, copies: int = 1, way: str = "", **changes: Any) -> list[str]:
        for event_id in ids:
            body, headers = self.stripe.letter(event_id, way, **changes)
            for _ in range(copies):
                assert self.post(body, headers) == 200
        return self.handle()

    def handle(self) -> list[str]:
        """Handle what lies in the inbox; what was said of each letter."""
        due = [event.pk for event in due_rows.kinds["inbound_event"].due()]
        for pk in due:
            handle_event(pk)
        return list(InboundEvent.objects.filter(pk__in=due).order_by("pk").values_list("outcome", flat=True))

    # --- What there is now

    @property
    def posted(self) -> float:
        return posting.balance(self.workspace).posted_micros / DOLLAR

    @property
    def owed(self) -> float:
        return receivables.owed_micros(self.workspace) / DOLLAR

    @property
    def frozen(self) -> bool:
        return posting.balance(self.workspace).frozen_at is not None

    def platform(self, code: str) -> float:
        """A platform account's credits minus its debits, in dollars."""
        account = posting.platform(code)
        came = sum(Transfer.objects.filter(credit=account).values_list("amount_micros", flat=True))
        return (came - sum(Transfer.objects.filter(debit=account).values_list("amount_micros", flat=True))) / DOLLAR

    def stands(self) -> dict[str, Any]:
        """All that Stripe's events may change: the same for every order in which they are told."""
        return {
            "posted": self.posted,
            "owed": self.owed,
            "frozen": self.frozen,
            "clearing": self.platform("stripe_clearing"),
            "refunds": self.platform("refunds"),
            "disputes": self.platform("disputes"),
            "top-ups": sorted(TopUp.objects.values_list("state", "amount_cents")),
            "refund rows": sorted(Refund.objects.values_list("state", "credit_micros")),
            "dispute rows": sorted(Dispute.objects.values_list("state", "credit_micros")),
        }

    def alerts(self, kind: str) -> list[str]:
        return list(Alert.objects.filter(kind=kind, closed_at=None).values_list("message", flat=True))


def use(settings: Any, stripe: StripeStandIn) -> None:
    settings.STRIPE_API_BASE = stripe.base
    settings.STRIPE_SECRET_KEY = stripe.key
    settings.STRIPE_WEBHOOK_SECRET = [stripe.webhook_secret]


__all__ = ["RETURN_URL", "Shop", "use"]
