"""Payment intents and their charges: paid at once, refused, in need of the customer, or on their way from a bank."""

from __future__ import annotations

from typing import Any

from tests.simulators.stripe.balance import book, half_up
from tests.simulators.stripe.cards import Card, attach_to, card_of, given_method
from tests.simulators.stripe.customers import living, merged
from tests.simulators.stripe.disputes import open_dispute
from tests.simulators.stripe.errors import Refusal, bad, card_refused, missing_parameter
from tests.simulators.stripe.shapes import Body
from tests.simulators.stripe.world import Call, World

MIN_CENTS, MAX_CENTS = 50, 99_999_999
CURRENCIES = ("usd", "eur", "gbp", "cad", "aud", "chf")
PLAIN = (
    "description",
    "receipt_email",
    "shipping",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
)
OPEN = ("requires_payment_method", "requires_confirmation", "requires_action", "processing", "requires_capture")
SAYS = {
    "card_declined": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "expired_card": "Your card has expired.",
    "authentication_required": "Your card was declined. This transaction requires authentication.",
    "payment_intent_authentication_failure": "We are unable to authenticate your payment method.",
}
AUTHENTICATE = Card("visa", "declined", "authentication_required", "authentication_required")
TOLD = {  # of a payment method, in its charge
    "card": ("brand", "last4", "exp_month", "exp_year", "country", "funding"),
    "us_bank_account": ("bank_name", "last4", "account_type"),
}
NOT_AUTHENTICATED = Card("visa", "declined", "payment_intent_authentication_failure")
RETURNED = Card("", "declined", "payment_intent_payment_attempt_failed")


def demand_amount(amount: int, currency: str, param: str = "amount") -> None:
    """Stripe's bounds: half a dollar, and eight digits of cents.

    :raises Refusal: with ``amount_too_small``, ``amount_too_large`` or an invalid number or currency.
    """
    if currency.lower() not in CURRENCIES:
        raise bad(f"Invalid currency: {currency}.", param="currency")
    if amount < 1:
        raise bad("This value must be greater than or equal to 1.", code="parameter_invalid_integer", param=param)
    if amount < MIN_CENTS:
        raise bad(f"Amount must be at least $0.50 {currency}", code="amount_too_small", param=param)
    if amount > MAX_CENTS:
        raise bad("Amount must be no more than $999,999.99", code="amount_too_large", param=param)


# --- The endpoints


def create(world: World, call: Call) -> Body:
    given = call.params
    demand_amount(given["amount"], given["currency"])
    if given.get("off_session") and not given.get("confirm"):
        raise bad("`off_session` can only be used with `confirm=true`.", param="off_session")
    customer = living(world, given["customer"])["id"] if "customer" in given else None
    intent = new_intent(
        world,
        amount=given["amount"],
        currency=given["currency"].lower(),
        customer=customer,
        metadata=given.get("metadata") or {},
        setup_future_usage=given.get("setup_future_usage") or None,
        payment_method_types=given.get("payment_method_types") or ["card"],
        **{name: given[name] for name in PLAIN if given.get(name)},
    )
    if "payment_method" in given:
        method = _usable(world, given["payment_method"], customer)
        world.change(intent, payment_method=method["id"], status="requires_confirmation")
    if given.get("confirm"):
        _confirm(world, intent, given)
    return intent


def retrieve(world: World, call: Call) -> Body:
    return world.get("payment_intent", call.id)


def update(world: World, call: Call) -> Body:
    intent = world.get("payment_intent", call.id)
    changes = {name: call.params[name] or None for name in PLAIN if name in call.params}
    if "metadata" in call.params:
        changes["metadata"] = merged(intent["metadata"], call.params["metadata"])
    world.change(intent, **changes)
    return intent


def confirm(world: World, call: Call) -> Body:
    intent = world.get("payment_intent", call.id)
    if intent["status"] not in ("requires_payment_method", "requires_confirmation", "requires_action"):
        said = f"This PaymentIntent's status is {intent['status']}, so it cannot be confirmed."
        raise bad(said, code="payment_intent_unexpected_state", payment_intent=dict(intent))
    if "payment_method" in call.params:
        method = _usable(world, call.params["payment_method"], intent["customer"])
        world.change(intent, payment_method=method["id"])
    _confirm(world, intent, call.params)
    return intent


def cancel(world: World, call: Call) -> Body:
    intent = world.get("payment_intent", call.id)
    if intent["status"] not in OPEN or intent["status"] == "processing":
        said = (
            f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}. Only a PaymentIntent "
            "with one of the following statuses may be canceled: requires_payment_method, requires_capture, "
            "requires_confirmation, requires_action, processing."
        )
        raise bad(said, code="payment_intent_unexpected_state", payment_intent=dict(intent))
    world.change(
        intent,
        status="canceled",
        canceled_at=world.now(),
        cancellation_reason=call.params.get("cancellation_reason"),
        next_action=None,
    )
    world.announce("payment_intent.canceled", intent)
    return intent


def _usable(world: World, method_id: str, customer: str | None) -> Body:
    method = given_method(world, method_id)
    if method["customer"] is not None and method["customer"] != customer:
        said = (
            "The provided PaymentMethod cannot be attached. To reuse a PaymentMethod, you must attach it to a Customer "
            "first."
            if customer is None
            else f"The PaymentMethod {method['id']} does not belong to the Customer {customer}."
        )
        raise bad(said, code="payment_method_unexpected_state", param="payment_method")
    return method


def _confirm(world: World, intent: Body, given: Body) -> None:
    if intent["payment_method"] is None:
        said = (
            "You cannot confirm this PaymentIntent because it's missing a payment method. Update the PaymentIntent "
            "with a payment method and then confirm it again."
        )
        raise bad(said, code="payment_intent_unexpected_state", payment_intent=dict(intent))
    attempt(world, intent, off_session=bool(given.get("off_session")), return_url=given.get("return_url", ""))


# --- What happens to a payment


def new_intent(world: World, **values: Any) -> Body:
    intent = world.add(
        "payment_intent",
        **{
            "amount_capturable": 0,
            "amount_received": 0,
            "capture_method": "automatic_async",
            "confirmation_method": "automatic",
            "payment_method_types": ["card"],
            "status": "requires_payment_method",
            "metadata": {},
        }
        | values,
    )
    intent["client_secret"] = f"{intent['id']}_secret_{intent['id'][-8:]}"
    world.announce("payment_intent.created", intent)
    return intent


def attempt(
    world: World, intent: Body, *, off_session: bool = False, authenticated: bool = False, return_url: str = ""
) -> None:
    """Try to take the money with the intent's payment method; a bank that asks sends people back to ``return_url``.

    :raises Refusal: 402 with the payment intent in it, as the card's bank says.
    """
    method = world.get("payment_method", intent["payment_method"])
    if method["type"] != "card":
        world.change(intent, status="processing")
        world.announce("payment_intent.processing", intent)
        return
    card = _verdict(world, intent, method)
    is_saved = method["customer"] is not None and card.behaviour == "authenticate_unless_saved"
    if card.behaviour.startswith("authenticate") and not authenticated and not (is_saved and off_session):
        if off_session:
            raise refuse(world, intent, method, AUTHENTICATE)
        action = _next_action(world, intent, return_url)
        world.change(intent, status="requires_action", next_action=action)
        world.announce("payment_intent.requires_action", intent)
        return
    if card.behaviour in ("declined", "fails_later"):
        raise refuse(world, intent, method, card)
    succeed(world, intent, method)


def _next_action(world: World, intent: Body, return_url: str) -> Body:
    if not return_url:
        return {"type": "use_stripe_sdk", "use_stripe_sdk": {}}
    there = {"url": f"{world.base}/authenticate/{intent['id']}", "return_url": return_url}
    return {"type": "redirect_to_url", "redirect_to_url": there}


def answer_bank(world: World, intent: Body, *, is_me: bool) -> str:
    """The cardholder at the bank's page, to which a confirmation led; returns where it sends them.

    :raises ValueError: the bank asks nothing about this payment.
    """
    there = (intent["next_action"] or {}).get("redirect_to_url")
    if intent["status"] != "requires_action" or not there:
        raise ValueError(f"{intent['id']} is {intent['status']}: its bank asks nothing")
    method = world.get("payment_method", intent["payment_method"])
    if is_me:
        attempt(world, intent, authenticated=True)
    else:
        refuse(world, intent, method, NOT_AUTHENTICATED)
    word = "succeeded" if is_me else "failed"
    return f"{there['return_url']}?payment_intent={intent['id']}&redirect_status={word}"


def _verdict(world: World, intent: Body, method: Body) -> Card:
    """The card's behaviour, unless a fault gives it another one."""
    texts = (intent["id"], str(intent["customer"]), method["id"], *intent["metadata"].values())
    declined = world.strike("decline", *texts)
    if declined is not None:
        return Card("visa", "declined", declined["code"], declined["decline_code"])
    if world.strike("needs_authentication", *texts) is not None:
        return Card("visa", "authenticate")
    return card_of(world, method)


def refuse(world: World, intent: Body, method: Body, card: Card) -> Refusal:
    """Book the failed charge, and give the answer that tells of it."""
    message = SAYS.get(str(card.decline_code), SAYS.get(card.code, "Your card was declined."))
    charge = _charge(world, intent, method, status="failed", failure_code=card.code, failure_message=message)
    world.announce("charge.failed", charge)
    said = {"code": card.code, "decline_code": card.decline_code, "message": message, "charge": charge["id"]}
    error = said | {"type": "card_error", "payment_method": dict(method)}
    world.change(
        intent, status="requires_payment_method", payment_method=None, next_action=None,
        latest_charge=charge["id"], last_payment_error=error,
    )  # fmt: skip
    world.announce("payment_intent.payment_failed", intent)
    return card_refused(
        message, code=card.code, decline_code=card.decline_code, charge=charge["id"],
        payment_intent=dict(intent), payment_method=dict(method),
    )  # fmt: skip


def succeed(world: World, intent: Body, method: Body) -> Body:
    """Book the charge, its balance transaction and the saved card; returns the charge."""
    charge = _charge(world, intent, method, status="succeeded")
    fee = half_up(intent["amount"] * world.settings.fee_percent / 100) + world.settings.fee_cents
    book(world, charge, kind="charge", amount=intent["amount"], fee=fee, category="charge")
    if intent["setup_future_usage"] and intent["customer"]:
        attach_to(world, method, intent["customer"])
    world.announce("charge.succeeded", charge)
    world.change(
        intent, status="succeeded", amount_received=intent["amount"], next_action=None,
        latest_charge=charge["id"], last_payment_error=None,
    )  # fmt: skip
    world.announce("payment_intent.succeeded", intent)
    if card_of(world, method).behaviour == "disputed":
        open_dispute(world, charge)
    return charge


def settle(world: World, intent: Body, *, succeeded: bool) -> None:
    """The bank has spoken about a payment that was on its way."""
    if intent["status"] != "processing":
        raise ValueError(f"{intent['id']} is {intent['status']}: only a processing payment can be settled")
    method = world.get("payment_method", intent["payment_method"])
    if succeeded:
        succeed(world, intent, method)
    else:
        refuse(world, intent, method, RETURNED)


def _charge(world: World, intent: Body, method: Body, *, status: str, **failure: Any) -> Body:
    is_paid = status == "succeeded"
    kind = method["type"]
    details: Body = {"type": kind, kind: {name: method[kind][name] for name in TOLD[kind]}}
    charge = world.add(
        "charge",
        amount=intent["amount"], amount_captured=intent["amount"] if is_paid else 0, amount_refunded=0,
        billing_details=dict(method["billing_details"]), captured=is_paid, currency=intent["currency"],
        customer=intent["customer"], description=intent["description"], disputed=False,
        metadata=dict(intent["metadata"]), paid=is_paid, payment_intent=intent["id"], payment_method=method["id"],
        payment_method_details=details, receipt_email=intent["receipt_email"], refunded=False, status=status,
        outcome={"type": "authorized" if is_paid else "issuer_declined", "network_status": "approved_by_network"},
        **failure,
    )  # fmt: skip
    if is_paid:
        charge["receipt_url"] = f"{world.base}/receipts/{charge['id']}"
    return charge


def given_payment(world: World, given: Body) -> Body:
    """The charge that ``charge`` or ``payment_intent`` names."""
    if "charge" in given:
        return world.get("charge", given["charge"], "charge")
    if "payment_intent" not in given:
        raise missing_parameter("charge")
    intent = world.get("payment_intent", given["payment_intent"], "payment_intent")
    if intent["latest_charge"] is None or intent["status"] != "succeeded":
        said = f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund."
        raise bad(said, code="payment_intent_unexpected_state", param="payment_intent")
    return world.get("charge", intent["latest_charge"])
