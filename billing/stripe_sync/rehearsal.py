"""A rehearsal with a Stripe test account: what of our calls Stripe itself accepts, which no stand-in can prove.

It buys, refunds and disputes with Stripe's test cards in one workspace, which ends with no credit of it. What needs
a person and a browser stands in docs/billing.md.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import NamedTuple

from django.utils import timezone

from avatarsite.workspaces.models import User, Workspace
from billing.ledger import posting
from billing.models import Origin, StripeCustomer, TopUp, TopUpState
from billing.refunds import disputes, refunds
from billing.stripe import client, customers
from billing.stripe.client import StripeProblem
from billing.stripe.objects import DisputeFacts
from billing.stripe_sync import reconcile
from billing.topups import auto_topup
from billing.topups.checkout import MIN_CENTS
from billing.verify import verification

PATIENCE_SECONDS, PAUSE_SECONDS = 60.0, 2.0
BACK = "https://example.org/rehearsal"


class Step(NamedTuple):
    """``outcome`` is what was seen, or why it went wrong."""

    name: str
    went_well: bool
    outcome: str


class Rehearsal:
    """All steps in their order; each is taken although one before went wrong."""

    def __init__(self, workspace: Workspace, user: User) -> None:
        if client.livemode():
            raise ValueError("STRIPE_SECRET_KEY is a live key: a rehearsal would take real money. Use a test key.")
        self._workspace, self._user = workspace, user

    def steps(self) -> Iterator[Step]:
        """Take them one by one. What went wrong is told and not raised."""
        for name, act in (
            ("read every list", self._read),
            ("make a customer", self._customer),
            ("open and close a payment page", self._page),
            ("charge a card with nobody there", self._charge),
            ("refund it", self._refund),
            ("be declined", self._declined),
            ("be asked for the cardholder", self._asked),
            ("have a payment disputed", self._dispute),
            ("open the portal", self._portal),
            ("reconcile", self._reconcile),
            ("verify the ledger", self._verify),
        ):
            yield _taken(name, act)

    def _read(self) -> str:
        since = timezone.now() - timedelta(hours=1)
        found = (
            client.sessions_since(since),
            client.payments_since(since),
            client.refunds_since(since),
            client.disputes_since(since),
        )
        return f"{[len(each) for each in found]} sessions, payments, refunds and disputes of the last hour"

    def _customer(self) -> str:
        return str(customers.customer_of(self._workspace, self._user).stripe_id)

    def _page(self) -> str:
        top_up = self._top_up(Origin.CHECKOUT)
        facts = client.checkout_session(top_up, return_url=BACK)
        TopUp.objects.filter(pk=top_up.pk).update(session_id=facts.id, state=TopUpState.OPEN)
        top_up.refresh_from_db()
        closed = client.expire_session(top_up)
        TopUp.objects.filter(pk=top_up.pk).update(state=TopUpState.EXPIRED)
        return _demand(closed.status == "expired", f"{facts.id} opened and is {closed.status}")

    def _charge(self) -> str:
        top_up = self._buy("pm_card_visa")
        return _demand(top_up.state == TopUpState.PAID, f"{top_up.payment_intent_id} is {top_up.state}")

    def _refund(self) -> str:
        top_up = TopUp.objects.filter(workspace=self._workspace, state=TopUpState.PAID).latest("created_at")
        refund = refunds.request_refund(
            top_up, top_up.amount_micros, reason="Rehearsal", user=self._user, token=uuid.uuid4()
        )
        refunds.send_refund(refund)
        refund.refresh_from_db()
        return _demand(bool(refund.stripe_id), f"{refund.stripe_id} is {refund.state}")

    def _declined(self) -> str:
        top_up = self._buy("pm_card_chargeCustomerFail")
        return _demand(top_up.state == TopUpState.FAILED, f"{top_up.state}: {top_up.problem}")

    def _asked(self) -> str:
        top_up = self._buy("pm_card_authenticationRequired")
        was = top_up.state
        auto_topup.give_up_waiting(top_up)
        top_up.refresh_from_db()
        return _demand((was, top_up.state) == ("needs_action", "cancelled"), f"was {was}, and is {top_up.state}")

    def _dispute(self) -> str:
        top_up = self._buy("pm_card_createDispute")
        found = _wait_for(lambda: client.disputes_of(top_up.payment_intent_id or ""))
        outcome = disputes.book_dispute(found[0])
        frozen = posting.balance(self._workspace).frozen_at is not None
        return _demand(frozen, f"{outcome}; the wallet is {'frozen' if frozen else 'not frozen'}")

    def _portal(self) -> str:
        customer = customers.customer_of(self._workspace, self._user)
        return client.portal_url(customer, visit=uuid.uuid4().hex, return_url=BACK)[:60]

    def _reconcile(self) -> str:
        report = reconcile.reconcile_stripe(timezone.now() - timedelta(hours=1))
        return _demand(not report.differences, "; ".join(report.differences) or "no difference")

    def _verify(self) -> str:
        findings = verification.verify()
        return _demand(not findings, "; ".join(finding.sentence for finding in findings) or "it adds up")

    def _buy(self, test_card: str) -> TopUp:
        customer = customers.customer_of(self._workspace, self._user)
        card = client.attach_test_card(customer, test_card)
        top_up = self._top_up(Origin.AUTOMATIC, card_id=card.id)
        auto_topup.attempt(top_up)
        top_up.refresh_from_db()
        return top_up

    def _top_up(self, origin: str, *, card_id: str = "") -> TopUp:
        customer = StripeCustomer.objects.get(workspace=self._workspace, livemode=False)
        return TopUp.objects.create(
            workspace=self._workspace,
            customer=customer,
            payer=customer.stripe_id or "",
            origin=origin,
            amount_cents=MIN_CENTS,
            livemode=False,
            card_id=card_id,
        )


def _taken(name: str, act: Callable[[], str]) -> Step:
    try:
        return Step(name, went_well=True, outcome=act())
    except Exception as error:  # noqa: BLE001 -- the next steps are worth seeing, whatever this one met
        kind = "" if isinstance(error, (StripeProblem, ValueError)) else f"{type(error).__name__}: "
        return Step(name, went_well=False, outcome=f"{kind}{error}")


def _demand(is_so: bool, outcome: str) -> str:
    if not is_so:
        raise ValueError(outcome)
    return outcome


def _wait_for(ask: Callable[[], list[DisputeFacts]]) -> list[DisputeFacts]:
    end = time.monotonic() + PATIENCE_SECONDS
    while not (found := ask()):
        if time.monotonic() > end:
            raise ValueError(f"Stripe has made no dispute within {PATIENCE_SECONDS:.0f} s.")
        time.sleep(PAUSE_SECONDS)
    return found
