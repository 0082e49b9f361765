"""Handlers of Stripe's webhooks: each makes us look at the object that it names, as it stands now.

Each is stored raw before it is read (``avatarsite/inbox``), under Stripe's id of the event only if its signature is
valid on arrival, so that nobody can take an event's place by guessing its id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone

from avatarsite.alerts import raise_alert
from avatarsite.http.json_body import NotJson, read_json
from avatarsite.inbox.models import InboundEvent
from avatarsite.inbox.sources import EventRejected
from avatarsite.queue.clock import as_others_tell
from billing.models import CardSetup, Origin, StripeCustomer, TopUp
from billing.refunds.disputes import book_dispute
from billing.refunds.refunds import book_refund
from billing.stripe import client, customers
from billing.stripe.objects import PaymentFacts, SessionFacts, id_of
from billing.stripe.webhook_signature import verify_signature
from billing.topups import auto_topup
from billing.topups.checkout import MISMATCH, book_payment, book_session


def event_id(_source: str, headers: Mapping[str, str], _query: Mapping[str, str], body: bytes) -> str:
    """Stripe's id of the event, or "" for a webhook that nobody has to believe.

    An old one is not refused for good: Stripe signs the next delivery of the same event anew.
    """
    try:
        _verify(body, headers, timezone.now())
        return id_of(read_json(body))
    except (EventRejected, ValueError, TypeError, AttributeError):
        return ""


def act(webhook: InboundEvent) -> str:
    """Check the signature, and look at what the event names. Raises EventRejected for what isn't Stripe's."""
    body = bytes(webhook.body)
    # Against when it came and not against now: it may have waited here.
    _verify(body, webhook.headers, webhook.received_at)
    event = _read(body)
    if event.get("object") != "event":
        return _unknown(event)
    if bool(event.get("livemode")) != client.livemode():
        message = f"Event {event.get('id')} is of the other mode than our key. Nothing was done."
        raise_alert(MISMATCH, "livemode", message)
        return message
    if event.get("api_version") != client.API_VERSION:
        message = (
            f"Stripe's webhook endpoint sends events of API version {event.get('api_version')}; "
            f"set it to {client.API_VERSION}."
        )
        raise_alert("stripe_api_version", "endpoint", message)
    return _dispatch(str(event.get("type") or ""), _object(event))


def _verify(body: bytes, headers: Mapping[str, str], came_at: datetime) -> None:
    """Raises EventRejected. Our own clock being set is no fault of Stripe's."""
    try:
        verify_signature(body, headers, came_at)
    except EventRejected:
        _, *others = as_others_tell(came_at)
        if not any(_is_timely(body, headers, moment) for moment in others):
            raise


def _is_timely(body: bytes, headers: Mapping[str, str], came_at: datetime) -> bool:
    try:
        verify_signature(body, headers, came_at)
    except EventRejected:
        return False
    return True


def _read(body: bytes) -> Mapping[str, Any]:
    """What a webhook with a valid signature says; nothing, if that is not JSON or no object."""
    try:
        event = read_json(body)
    except NotJson:
        return {}
    return event if isinstance(event, dict) else {}


def _unknown(event: Mapping[str, Any]) -> str:
    """It is Stripe's, and of a kind that nothing here reads: the destination's settings want a look."""
    kind, named = str(event.get("object") or "no JSON object"), str(event.get("type") or "")
    if kind == "v2.core.event":
        remedy = "It is a thin event. Set the payload style of Stripe's event destination to Snapshot."
    else:
        remedy = "See which events Stripe's event destination sends."
    message = f"Stripe sent an unknown kind of event ({f'{kind} {named}'.strip()[:200]}). Nothing was done. {remedy}"
    raise_alert("stripe_unknown_event", kind[:60], message)
    return message


def _object(event: Mapping[str, Any]) -> Mapping[str, Any]:
    data = event.get("data")
    found = data.get("object") if isinstance(data, dict) else None
    return found if isinstance(found, dict) else {}


# --- What each kind of object makes us look at -----------------------------------------------------------------------


def _dispatch(kind: str, thing: Mapping[str, Any]) -> str:
    handle = next((handle for prefix, handle in _HANDLERS if kind.startswith(prefix)), None)
    return handle(thing) if handle and thing.get("id") else f"{kind} makes nothing move here"


def book_any_session(facts: SessionFacts) -> str:
    """Book a Checkout session, whether it was to pay or to save a card."""
    if facts.mode == "setup":
        setup = CardSetup.objects.select_related("customer").filter(pk=facts.reference).first()
        if setup is None:
            return "not of ours"
        CardSetup.objects.filter(pk=setup.pk, session_id=None).update(session_id=facts.id)
        setup.refresh_from_db()
        return "the card is saved" if customers.check_card_setup(setup) else "no card was saved"
    return book_session(facts)


def book_any_payment(facts: PaymentFacts) -> str:
    """Book a payment, whether it was made at checkout or by itself."""
    automatic = TopUp.objects.filter(pk=facts.metadata.get("topup", ""), origin=Origin.AUTOMATIC).first()
    return auto_topup.take_note(automatic, facts) if automatic else book_payment(facts)


def _session(thing: Mapping[str, Any]) -> str:
    return book_any_session(client.session(thing["id"]))


def _payment(thing: Mapping[str, Any]) -> str:
    return book_any_payment(client.payment(thing["id"]))


def _refund(thing: Mapping[str, Any]) -> str:
    return book_refund(client.refund(thing["id"]))


def _charge(thing: Mapping[str, Any]) -> str:
    payment_id = id_of(thing.get("payment_intent"))
    outcomes = [book_refund(facts) for facts in client.refunds_of(payment_id)] if payment_id else []
    return "; ".join(outcomes) or "no refund of ours"


def _dispute(thing: Mapping[str, Any]) -> str:
    return book_dispute(client.dispute(thing["id"]))


def _card(thing: Mapping[str, Any]) -> str:
    return customers.refresh_card(thing["id"])


def _customer(thing: Mapping[str, Any]) -> str:
    customer = StripeCustomer.objects.filter(stripe_id=thing["id"]).first()
    if customer is None:
        return "no customer of ours"
    customers.renew(customer)
    return f"{customer.workspace_id} gets a new customer with the next payment"


# The first that fits counts. A charge's own events beside refunds say nothing that its payment's don't.
_HANDLERS: tuple[tuple[str, Callable[[Mapping[str, Any]], str]], ...] = (
    ("checkout.session.", _session),
    ("payment_intent.", _payment),
    ("charge.dispute.", _dispute),
    ("charge.refund.", _refund),
    ("charge.refunded", _charge),
    ("refund.", _refund),
    ("payment_method.", _card),
    ("customer.deleted", _customer),
)
