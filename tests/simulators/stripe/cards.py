"""Customers' cards: Stripe's own test numbers and what each of them does, saved payment methods, setup intents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.simulators.stripe.errors import bad, card_refused, no_such_given
from tests.simulators.stripe.shapes import Body
from tests.simulators.stripe.world import Call, World


@dataclass(frozen=True)
class Card:
    brand: str
    # good, declined (with these codes), fails_later (saved, never charged), authenticate (each time),
    # authenticate_unless_saved, disputed, refund_pending, refund_fails
    behaviour: str = "good"
    code: str = "card_declined"
    decline_code: str | None = None


CARDS = {
    "4242424242424242": Card("visa"),
    "5555555555554444": Card("mastercard"),
    "4000000000000002": Card("visa", "declined", decline_code="generic_decline"),
    "4000000000009995": Card("visa", "declined", decline_code="insufficient_funds"),
    "4000000000000069": Card("visa", "declined", "expired_card"),
    "4000000000000341": Card("visa", "fails_later", decline_code="generic_decline"),
    "4000002760003184": Card("visa", "authenticate"),
    "4000002500003155": Card("visa", "authenticate_unless_saved"),
    "4000000000000259": Card("visa", "disputed"),
    "4000000000007726": Card("visa", "refund_pending"),
    "4000000000005126": Card("visa", "refund_fails"),
}
GOOD, DECLINED = "4242424242424242", "4000000000000002"
# Ids that stand for a card wherever a payment method may be given.
MAGIC = {
    "pm_card_visa": GOOD,
    "pm_card_mastercard": "5555555555554444",
    "pm_card_chargeDeclined": "4000000000000002",
    "pm_card_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_chargeCustomerFail": "4000000000000341",
    "pm_card_createDispute": "4000000000000259",
    "pm_card_authenticationRequired": "4000002760003184",
    "pm_card_authenticationRequiredOnSetup": "4000002500003155",
}


def new_card(world: World, number: str, billing: Body | None = None) -> Body:
    """A payment method for a card's number, which belongs to nobody yet."""
    card = CARDS[number]
    details = {"brand": card.brand, "exp_month": 12, "exp_year": 2034, "funding": "credit", "last4": number[-4:]}
    details |= {"country": "US", "display_brand": card.brand, "fingerprint": f"fp{number[-8:]}"}
    made = world.add("payment_method", type="card", card=details, billing_details=billing or {}, metadata={})
    world.kept.behaviour[made["id"]] = number
    return made


def new_bank_account(world: World, billing: Body | None = None) -> Body:
    details: Body = {"bank_name": "STRIPE TEST BANK", "last4": "6789", "account_type": "checking"}
    return world.add(
        "payment_method", type="us_bank_account", us_bank_account=details, billing_details=billing or {}, metadata={}
    )


def card_of(world: World, method: Body) -> Card:
    return CARDS[world.kept.behaviour.get(method["id"], GOOD)]


def given_method(world: World, method_id: str, param: str = "payment_method") -> Body:
    """The payment method with this id; a magic id makes a new one."""
    if method_id in MAGIC:
        return new_card(world, MAGIC[method_id])
    return world.get("payment_method", method_id, param)


def attach_to(world: World, method: Body, customer_id: str) -> None:
    if method["customer"] == customer_id:
        return
    world.change(method, customer=customer_id)
    world.announce("payment_method.attached", method)


# --- Payment methods


def retrieve(world: World, call: Call) -> Body:
    return world.get("payment_method", call.id)


def attach(world: World, call: Call) -> Body:
    method = given_method(world, call.id)
    if "customer" not in call.params:
        raise bad("Missing required param: customer.", code="parameter_missing", param="customer")
    customer = world.get("customer", call.params["customer"], "customer")
    if method["customer"] not in (None, customer["id"]):
        said = "The payment method you provided has already been attached to a customer."
        raise bad(said, code="payment_method_unexpected_state")
    if card_of(world, method).behaviour == "declined":
        card = card_of(world, method)
        raise card_refused("Your card was declined.", code=card.code, decline_code=card.decline_code)
    attach_to(world, method, customer["id"])
    return method


def detach(world: World, call: Call) -> Body:
    method = world.get("payment_method", call.id)
    if method["customer"] is None:
        raise bad(
            "The payment method you provided is not attached to a customer so detachment is impossible.",
            code="payment_method_unexpected_state",
        )
    owner = world.tables["customer"].get(method["customer"])
    before = method["customer"]
    method["customer"] = None
    event = world.announce("payment_method.detached", method)
    event["data"]["previous_attributes"] = {"customer": before}
    settings = owner.get("invoice_settings") if owner else None
    if owner and settings and settings["default_payment_method"] == method["id"]:
        world.change(owner, "customer.updated", invoice_settings=settings | {"default_payment_method": None})
    return method


def list_filter(call: Call) -> Body:
    """The list needs a customer, and gives cards unless another type is asked for."""
    if "customer" not in call.params:
        raise bad("Missing required param: customer.", code="parameter_missing", param="customer")
    return {"customer": call.params["customer"], "type": call.params.get("type")}


def of_customer(world: World, call: Call) -> Body:
    """One payment method by way of its customer."""
    world.get("customer", call.id)
    method = world.tables["payment_method"].get(call.sub_id)
    if method is None or method["customer"] != call.id:
        raise no_such_given("PaymentMethod", call.sub_id, "payment_method")
    return method


# --- Setup intents


def retrieve_setup(world: World, call: Call) -> Body:
    return world.get("setup_intent", call.id)


def new_setup(world: World, **values: Any) -> Body:
    made = world.add(
        "setup_intent",
        **{
            "payment_method_types": ["card"],
            "status": "requires_payment_method",
            "usage": "off_session",
            "metadata": {},
        }
        | values,
    )
    made["client_secret"] = f"{made['id']}_secret_{made['id'][-8:]}"
    world.announce("setup_intent.created", made)
    return made


def finish_setup(world: World, setup: Body, method: Body) -> None:
    """The card is saved for later payments."""
    world.change(setup, payment_method=method["id"], status="succeeded")
    if setup["customer"]:
        attach_to(world, method, setup["customer"])
    world.announce("setup_intent.succeeded", setup)
