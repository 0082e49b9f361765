"""Client of Stripe's API, the only place that talks to Stripe: one function for each thing that we ask.

- The API version is pinned here, and the webhook endpoint has to be pinned to the same one (docs/billing.md).
- Every write carries an idempotency key made of the id of a row of ours that was committed before, so that a repeat
  after a lost answer gets the first answer.
- Nothing here may run inside a transaction: a slow answer would keep a wallet locked. ``_ask`` refuses it.
- The answer to a write has three values: it happened, it was refused, or nobody knows (``StripeUnreachable``).
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Any, TypeVar

import stripe
from django.conf import settings
from django.db import connection
from stripe import RequestsClient, StripeClient

from billing.models import CardSetup, Refund, StripeCustomer, TopUp
from billing.stripe.objects import (
    CardFacts,
    DisputeFacts,
    FeeFacts,
    PaymentFacts,
    RefundFacts,
    SessionFacts,
    id_of,
    read_card,
    read_dispute,
    read_fee,
    read_payment,
    read_refund,
    read_session,
)

logger = logging.getLogger(__name__)

API_VERSION = "2026-10-28.endive"
CONNECT_SECONDS, READ_SECONDS = 5, 20
NETWORK_RETRIES = 2
PAGE_SIZE = 100
# How long a Checkout page can be paid; Stripe takes half an hour to a day.
CHECKOUT_LASTS = timedelta(hours=2)
T = TypeVar("T")


class StripeProblem(Exception):
    """What went wrong at Stripe, in a sentence for whoever pays."""


class StripeOff(StripeProblem):
    """There is no key, so there are no top-ups."""

    def __init__(self) -> None:
        super().__init__("Top-ups are off on this server. Ask whoever runs it for credit.")


class StripeRefused(StripeProblem):
    """Stripe has understood and said no; asking again the same way gives the same answer."""

    def __init__(self, message: str, *, code: str = "", missing: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.missing = missing


class StripeUnreachable(StripeProblem):
    """No answer, so it may have happened or not. The row stays as it is, and is looked at again."""

    def __init__(self) -> None:
        super().__init__("Stripe does not answer right now. Nothing is lost; try again in a minute.")


class CardDeclined(StripeProblem):
    """The bank said no, or wants the cardholder there (``needs_action``)."""

    def __init__(self, message: str, *, code: str, decline_code: str, payment_id: str) -> None:
        super().__init__(message)
        self.code = code
        self.decline_code = decline_code
        self.payment_id = payment_id

    @property
    def needs_action(self) -> bool:
        return self.code == "authentication_required"


def is_on() -> bool:
    return bool(settings.STRIPE_SECRET_KEY)


def livemode() -> bool:
    """Whether our key moves real money: ``sk_live_…`` or ``rk_live_…``."""
    return "_live_" in settings.STRIPE_SECRET_KEY


def client() -> StripeClient:
    if not is_on():
        raise StripeOff
    return _client(settings.STRIPE_SECRET_KEY, settings.STRIPE_API_BASE)


@lru_cache(maxsize=4)
def _client(key: str, base: str) -> StripeClient:
    return StripeClient(
        key,
        stripe_version=API_VERSION,
        base_addresses={"api": base},
        max_network_retries=NETWORK_RETRIES,
        http_client=RequestsClient(timeout=(CONNECT_SECONDS, READ_SECONDS)),
    )


def _ask(call: Callable[[], T]) -> T:
    """Make one call, and say what came of it in our own words."""
    _refuse_in_transaction()
    try:
        return call()
    except stripe.CardError as error:
        raise _declined(error) from error
    except (stripe.APIConnectionError, stripe.APIError, stripe.RateLimitError) as error:
        # A refusal by rate is no answer either, once the SDK has given up on repeating it.
        logger.warning("Stripe: %s", error)
        raise StripeUnreachable from error
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        logger.error("Stripe does not take our key: %s", error)  # noqa: TRY400 -- the sentence says it all
        raise StripeRefused("Payments do not work here right now; whoever runs this server has to look.") from error
    except stripe.StripeError as error:
        logger.warning("Stripe refused: %s", error)
        raise StripeRefused(
            error.user_message or "Stripe refused this.", code=error.code or "", missing=error.http_status == 404
        ) from error


def _declined(error: stripe.CardError) -> CardDeclined:
    body: Any = error.json_body or {}
    details = body.get("error", {}) if isinstance(body, dict) else {}
    payment = details.get("payment_intent") or {}
    return CardDeclined(
        error.user_message or "The card was declined.",
        code=error.code or "",
        decline_code=str(details.get("decline_code") or ""),
        payment_id=str(payment.get("id") or ""),
    )


def _refuse_in_transaction() -> None:
    """A test case's own transaction around everything is not one of ours."""
    if any(not getattr(block, "_from_testcase", False) for block in connection.atomic_blocks):
        raise RuntimeError("Stripe was asked inside a transaction; commit first, and ask then.")


def _once(key: str) -> Any:
    return {"idempotency_key": key}


# --- Customers and cards ---------------------------------------------------------------------------------------------


def create_customer(customer: StripeCustomer) -> str:
    """The id of the customer at Stripe."""
    made = _ask(
        lambda: client().v1.customers.create(
            {
                "email": customer.email,
                "name": customer.name,
                "metadata": {"workspace": customer.workspace_id, "customer": customer.pk},
            },
            _once(f"customer:{customer.pk}:{customer.generation}"),
        )
    )
    return made.id


def find_customer(customer: StripeCustomer) -> str:
    """The id of the customer that was made for this row, or ""."""
    made = _all(lambda: client().v1.customers.list({"email": customer.email, "limit": PAGE_SIZE}), dict)
    return next((thing["id"] for thing in made if (thing.get("metadata") or {}).get("customer") == customer.pk), "")


def card(card_id: str) -> CardFacts:
    return read_card(_ask(lambda: client().v1.payment_methods.retrieve(card_id)).to_dict())


def attach_test_card(customer: StripeCustomer, name: str) -> CardFacts:
    """One of Stripe's test cards, such as ``pm_card_visa``, saved for the customer; for a rehearsal."""
    made = _ask(
        lambda: client().v1.payment_methods.attach(
            name, {"customer": customer.stripe_id or ""}, _once(f"rehearsal:{uuid.uuid4()}")
        )
    )
    return read_card(made.to_dict())


def card_setup_session(setup: CardSetup, *, return_url: str) -> SessionFacts:
    """A visit to Stripe's page that saves a card and takes no money."""
    made = _ask(
        lambda: client().v1.checkout.sessions.create(
            {
                "mode": "setup",
                "currency": "usd",
                "customer": setup.customer.stripe_id or "",
                "client_reference_id": setup.pk,
                "metadata": {"card_setup": setup.pk, "workspace": setup.workspace_id},
                "setup_intent_data": {"metadata": {"card_setup": setup.pk, "workspace": setup.workspace_id}},
                "allowed_payment_method_types": ["card"],
                "success_url": return_url,
                "cancel_url": return_url,
            },
            _once(f"card_setup:{setup.pk}"),
        )
    )
    return read_session(made.to_dict())


def portal_url(customer: StripeCustomer, *, visit: str, return_url: str) -> str:
    """Stripe's own page for cards, invoices and addresses; good for one visit."""
    made = _ask(
        lambda: client().v1.billing_portal.sessions.create(
            {"customer": customer.stripe_id or "", "return_url": return_url},
            _once(f"portal:{customer.pk}:{visit}"),
        )
    )
    return made.url


# --- Paying ----------------------------------------------------------------------------------------------------------


def checkout_session(top_up: TopUp, *, return_url: str) -> SessionFacts:
    """A Checkout page for the top-up. The price is ours; Stripe adds tax to it where STRIPE_TAX is on."""
    made = _ask(
        lambda: client().v1.checkout.sessions.create(_checkout_params(top_up, return_url), _once(f"topup:{top_up.pk}"))
    )
    return read_session(made.to_dict())


def _checkout_params(top_up: TopUp, return_url: str) -> Any:
    named = {"topup": top_up.pk, "workspace": top_up.workspace_id}
    product: dict[str, Any] = {"name": "Avatar Studio credit"}
    price: dict[str, Any] = {"currency": top_up.currency, "unit_amount": top_up.amount_cents, "product_data": product}
    params: dict[str, Any] = {
        "mode": "payment",
        "customer": top_up.customer.stripe_id or "",
        "client_reference_id": top_up.pk,
        "metadata": named,
        "line_items": [{"quantity": 1, "price_data": price}],
        # The session's metadata is not copied to the payment, and refunds and disputes only know the payment.
        "payment_intent_data": {"metadata": named, "description": f"Avatar Studio credit, {top_up.pk}"},
        "invoice_creation": {"enabled": True, "invoice_data": {"metadata": named}},
        # Credit is sold in dollars; a page that shows another currency would change what is compared later.
        "adaptive_pricing": {"enabled": False},
        "success_url": return_url,
        "cancel_url": f"{return_url}?back=1",
        "expires_at": int((top_up.created_at + CHECKOUT_LASTS).timestamp()),
    }
    if top_up.save_card:
        params["payment_intent_data"]["setup_future_usage"] = "off_session"
    if settings.STRIPE_TAX:
        price["tax_behavior"] = "exclusive"
        if settings.STRIPE_TAX_CODE:
            product["tax_code"] = settings.STRIPE_TAX_CODE
        params |= {
            "automatic_tax": {"enabled": True},
            "customer_update": {"address": "auto", "name": "auto"},
            "tax_id_collection": {"enabled": True},
        }
    return params


_EXPANDED = ["payment_intent.latest_charge", "payment_intent.payment_method", "setup_intent.payment_method", "invoice"]


def session(session_id: str) -> SessionFacts:
    """The session as it now stands, with its payment."""
    found = _ask(lambda: client().v1.checkout.sessions.retrieve(session_id, {"expand": _EXPANDED}))
    return read_session(found.to_dict())


def payment(payment_id: str) -> PaymentFacts:
    found = _ask(lambda: client().v1.payment_intents.retrieve(payment_id, {"expand": ["latest_charge"]}))
    return read_payment(found.to_dict())


def payment_of_charge(charge_id: str) -> str:
    """The id of the PaymentIntent that the charge is of, or "" for a charge without one."""
    return id_of(_ask(lambda: client().v1.charges.retrieve(charge_id)).to_dict().get("payment_intent"))


def charge_card(top_up: TopUp) -> PaymentFacts:
    """Take an automatic top-up from the saved card, with nobody there. Raises CardDeclined."""
    made = _ask(
        lambda: client().v1.payment_intents.create(
            {
                "amount": top_up.amount_cents,
                "currency": top_up.currency,
                "customer": top_up.customer.stripe_id or "",
                "payment_method": top_up.card_id,
                "off_session": True,
                "confirm": True,
                # Nobody is there to be sent to another page.
                "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
                "description": f"Avatar Studio credit, {top_up.pk}",
                "metadata": {"topup": top_up.pk, "workspace": top_up.workspace_id},
            },
            _once(f"topup:{top_up.pk}"),
        )
    )
    return read_payment(made.to_dict())


def confirm_payment(top_up: TopUp, *, visit: str, return_url: str) -> PaymentFacts:
    """Try the payment again with the cardholder there; ``redirect_url`` is where their bank asks them."""
    found = _ask(
        lambda: client().v1.payment_intents.confirm(
            top_up.payment_intent_id or "",
            {"payment_method": top_up.card_id, "return_url": return_url},
            _once(f"topup:{top_up.pk}:confirm:{visit}"),
        )
    )
    return read_payment(found.to_dict())


def cancel_payment(top_up: TopUp) -> PaymentFacts:
    found = _ask(
        lambda: client().v1.payment_intents.cancel(
            top_up.payment_intent_id or "", {}, _once(f"topup:{top_up.pk}:cancel")
        )
    )
    return read_payment(found.to_dict())


def expire_session(top_up: TopUp) -> SessionFacts:
    """Close the Checkout page, so that it can no longer be paid."""
    found = _ask(
        lambda: client().v1.checkout.sessions.expire(top_up.session_id or "", {}, _once(f"topup:{top_up.pk}:expire"))
    )
    return read_session(found.to_dict())


# --- What comes after ------------------------------------------------------------------------------------------------


def create_refund(refund: Refund) -> RefundFacts:
    made = _ask(
        lambda: client().v1.refunds.create(
            {
                "payment_intent": refund.top_up.payment_intent_id or "",
                "amount": refund.amount_cents,
                "reason": "requested_by_customer",
                "metadata": {"refund": refund.pk, "topup": refund.top_up_id},
            },
            _once(f"refund:{refund.pk}"),
        )
    )
    return read_refund(made.to_dict())


def refund(refund_id: str) -> RefundFacts:
    return read_refund(_ask(lambda: client().v1.refunds.retrieve(refund_id)).to_dict())


def dispute(dispute_id: str) -> DisputeFacts:
    return read_dispute(_ask(lambda: client().v1.disputes.retrieve(dispute_id)).to_dict())


def sessions_of(payment_id: str) -> list[SessionFacts]:
    """The Checkout session that a payment was made in, or none."""
    return _all(lambda: client().v1.checkout.sessions.list({"payment_intent": payment_id}), read_session)


def refunds_of(payment_id: str) -> list[RefundFacts]:
    return _all(lambda: client().v1.refunds.list({"payment_intent": payment_id, "limit": PAGE_SIZE}), read_refund)


def disputes_of(payment_id: str) -> list[DisputeFacts]:
    return _all(lambda: client().v1.disputes.list({"payment_intent": payment_id, "limit": PAGE_SIZE}), read_dispute)


# --- Stripe's own lists, newest first --------------------------------------------------------------------------------


def sessions_since(since: datetime) -> list[SessionFacts]:
    return _all(lambda: client().v1.checkout.sessions.list(_from(since)), read_session)


def payments_since(since: datetime, *, customer_id: str = "") -> list[PaymentFacts]:
    whose = {"customer": customer_id} if customer_id else {}
    return _all(lambda: client().v1.payment_intents.list(_from(since) | whose), read_payment)


def refunds_since(since: datetime) -> list[RefundFacts]:
    return _all(lambda: client().v1.refunds.list(_from(since)), read_refund)


def disputes_since(since: datetime) -> list[DisputeFacts]:
    return _all(lambda: client().v1.disputes.list(_from(since)), read_dispute)


def fees_since(since: datetime) -> list[FeeFacts]:
    """Of payments, and Stripe's own. What it keeps for disputes is read off them."""
    return [
        fee
        for kind in ("charge", "payment", "stripe_fee")
        for fee in _all(partial(client().v1.balance_transactions.list, _from(since) | {"type": kind}), read_fee)
    ]


def _from(since: datetime) -> Any:
    return {"created": {"gte": int(since.timestamp())}, "limit": PAGE_SIZE}


def _all(first_page: Callable[[], Any], read: Callable[[Any], T]) -> list[T]:
    """Every page of a list."""

    def things() -> Iterator[T]:
        for thing in first_page().auto_paging_iter():
            yield read(thing.to_dict())

    return _ask(lambda: list(things()))
