"""Checkout sessions: made, paid on the page, run out, or ended by us."""

from __future__ import annotations

from typing import Any

from tests.simulators.stripe import payments
from tests.simulators.stripe.balance import half_up
from tests.simulators.stripe.cards import CARDS, finish_setup, new_bank_account, new_card, new_setup
from tests.simulators.stripe.customers import living, merged
from tests.simulators.stripe.errors import Refusal, bad, missing_parameter
from tests.simulators.stripe.invoices import make_invoice
from tests.simulators.stripe.payments import CURRENCIES, MIN_CENTS, attempt, new_intent
from tests.simulators.stripe.shapes import Body
from tests.simulators.stripe.world import Call, World

HALF_HOUR, DAY = 1800, 86_400
PLAIN = (
    "allow_promotion_codes", "billing_address_collection", "cancel_url", "client_reference_id", "customer_email",
    "integration_identifier", "locale", "submit_type", "success_url",
)  # fmt: skip
ONLY_PAYMENT = ("payment_intent_data", "invoice_creation", "submit_type")
ADDRESS = {
    "country": "US",
    "line1": "1 Simulated Street",
    "city": "San Francisco",
    "state": "CA",
    "postal_code": "94103",
}


class PageError(ValueError):
    """What the page can't do, in a sentence for whoever sits before it."""


# --- The endpoints


def create(world: World, call: Call) -> Body:
    given = call.params
    mode = given.get("mode") or _missing("mode")
    _demand_a_way_back(given)
    _demand_the_mode_fits(given, mode)
    customer = living(world, given["customer"]) if "customer" in given else None
    _demand_tax_can_be_known(given, customer)
    now = world.now()
    expires_at = given.get("expires_at", now + DAY)
    if not now + HALF_HOUR - 60 <= expires_at <= now + DAY + 60:
        said = "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation."
        raise bad(said, param="expires_at")
    values: Body = {name: given[name] for name in PLAIN if name in given}
    if mode == "payment":
        values |= _amounts(world, given)
    session = world.add(
        "checkout.session",
        **values,
        mode=mode,
        automatic_tax={"enabled": given.get("automatic_tax", {}).get("enabled", False)},
        currency=_currency(given),
        customer=customer["id"] if customer else None,
        customer_creation=given.get("customer_creation") or (None if customer else "if_required"),
        expires_at=expires_at,
        metadata=given.get("metadata") or {},
        payment_method_types=given.get("payment_method_types") or ["card"],
        payment_status="unpaid" if mode == "payment" else "no_payment_required",
        status="open",
        ui_mode="hosted_page",
        custom_fields=[],
        shipping_options=[],
    )
    session["url"] = f"{world.base}/pay/{session['id']}"
    if mode == "payment":
        world.kept.line_items[session["id"]] = [_line(world, item) for item in given["line_items"]]
        session["invoice_creation"] = {"enabled": given.get("invoice_creation", {}).get("enabled", False)} | {
            "invoice_data": given.get("invoice_creation", {}).get("invoice_data", {})
        }
    else:
        setup = new_setup(
            world, customer=session["customer"], metadata=given.get("setup_intent_data", {}).get("metadata", {})
        )
        session["setup_intent"] = setup["id"]
    world.kept.wishes[session["id"]] = given
    due = world.clock.now() + (expires_at - now)
    world.clock.at(due, lambda: session["status"] == "open" and _run_out(world, session))
    return session


def retrieve(world: World, call: Call) -> Body:
    return world.get("checkout.session", call.id)


def update(world: World, call: Call) -> Body:
    session = world.get("checkout.session", call.id)
    if "metadata" in call.params:
        world.change(session, metadata=merged(session["metadata"], call.params["metadata"]))
    return session


def expire(world: World, call: Call) -> Body:
    session = world.get("checkout.session", call.id)
    if session["status"] != "open":
        said = (
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of '
            f"`{session['status']}`."
        )
        raise bad(said)
    _run_out(world, session)
    return session


def _run_out(world: World, session: Body) -> None:
    world.change(session, status="expired", url=None)
    world.announce("checkout.session.expired", session)


# --- What a session must have


def _missing(name: str) -> str:
    raise missing_parameter(name)


def _demand_a_way_back(given: Body) -> None:
    if given.get("ui_mode") not in (None, "hosted_page"):
        raise bad("This stand-in knows the hosted page alone.", param="ui_mode")
    if "success_url" not in given:
        _missing("success_url")
    for name in ("success_url", "cancel_url"):
        if name in given and not given[name].startswith(("http://", "https://")):
            raise bad("Not a valid URL", code="url_invalid", param=name)
    if "customer" in given and "customer_email" in given:
        raise bad("You may only specify one of these parameters: customer, customer_email.", param="customer")
    if "customer_update" in given and "customer" not in given:
        raise bad("`customer_update` can only be used with `customer`.", param="customer_update")


def _demand_the_mode_fits(given: Body, mode: str) -> None:
    if mode == "subscription":
        raise bad("This stand-in sells no subscriptions.", param="mode")
    if mode == "payment":
        if not given.get("line_items"):
            _missing("line_items")
        if "setup_intent_data" in given:
            raise bad("You can not pass `setup_intent_data` in `payment` mode.", param="setup_intent_data")
        return
    for name in (*ONLY_PAYMENT, "line_items"):
        if name in given:
            raise bad(f"You can not pass `{name}` in `setup` mode.", param=name)
    if "payment_method_types" not in given and "currency" not in given:
        raise bad("You must pass `currency` or `payment_method_types` in `setup` mode.", param="currency")


def _demand_tax_can_be_known(given: Body, customer: Body | None) -> None:
    updates = given.get("customer_update", {})
    if customer and given.get("tax_id_collection", {}).get("enabled") and updates.get("name") != "auto":
        said = (
            "Tax ID collection requires updating business name on the customer. To enable tax ID collection for an "
            "existing customer, please set `customer_update[name]` to `auto`."
        )
        raise bad(said, param="customer_update[name]")
    if not given.get("automatic_tax", {}).get("enabled") or customer is None or customer["address"]:
        return
    if "auto" not in (updates.get("address"), updates.get("shipping")):
        said = (
            "Automatic tax calculation in Checkout requires a valid address on the Customer. Add a valid address to "
            "the Customer or set either `customer_update[address]` to 'auto' or `customer_update[shipping]` to 'auto' "
            "to save the address entered in Checkout to the Customer."
        )
        raise bad(said, code="customer_tax_location_invalid", param="automatic_tax")


def _currency(given: Body) -> str | None:
    if given.get("line_items"):
        return str(given["line_items"][0]["price_data"]["currency"]).lower()
    return given.get("currency")


def _amounts(world: World, given: Body) -> Body:
    subtotal = 0
    for number, item in enumerate(given["line_items"]):
        here = f"line_items[{number}]"
        price = item.get("price_data")
        if price is None:
            raise bad("This stand-in has no price list: pass price_data.", param=f"{here}[price]")
        if price["currency"].lower() not in CURRENCIES:
            raise bad(f"Invalid currency: {price['currency']}.", param=f"{here}[price_data][currency]")
        if "unit_amount" not in price:
            _missing(f"{here}[price_data][unit_amount]")
        if price["unit_amount"] < 0:
            said = "This value must be greater than or equal to 0."
            raise bad(said, code="parameter_invalid_integer", param=f"{here}[price_data][unit_amount]")
        if "product_data" not in price and "product" not in price:
            _missing(f"{here}[price_data][product_data]")
        if "quantity" not in item:
            _missing(f"{here}[quantity]")
        subtotal += price["unit_amount"] * item["quantity"]
    if subtotal < MIN_CENTS:
        said = "The Checkout Session's total amount due must add up to at least $0.50 usd"
        raise bad(said, code="amount_too_small", param="line_items")
    return _totals(subtotal, 0)


def _totals(subtotal: int, tax: int) -> Body:
    details: Body = {"amount_discount": 0, "amount_shipping": 0, "amount_tax": tax}
    return {"amount_subtotal": subtotal, "amount_total": subtotal + tax, "total_details": details}


def _line(world: World, item: Body) -> Body:
    price = item["price_data"]
    amount = price["unit_amount"] * item["quantity"]
    return {
        "id": world.new_id("li"), "object": "item", "amount_discount": 0, "amount_subtotal": amount, "amount_tax": 0,
        "amount_total": amount, "currency": price["currency"].lower(), "quantity": item["quantity"],
        "description": price.get("product_data", {}).get("name"),
    }  # fmt: skip


def line_items(world: World, call: Call) -> Body:
    session = world.get("checkout.session", call.id)
    lines = world.kept.line_items.get(session["id"], [])
    return {"object": "list", "data": lines, "has_more": False, "url": f"/v1/checkout/sessions/{call.id}/line_items"}


# --- The page


def pay(world: World, session: Body, *, number: str = "", bank: bool = False, authenticated: bool = False) -> str:
    """Pay on the page; returns "paid", "later", "saved" or "authenticate".

    :raises PageError: the session is over, or the number is no test card.
    :raises Refusal: the card was refused; the session stays open.
    """
    if session["status"] != "open":
        raise PageError(f"This page is over: the session is {session['status']}.")
    if not bank and number not in CARDS:
        raise PageError("That is none of Stripe's test cards.")
    customer = _customer(world, session)
    billing = {"address": ADDRESS, "email": customer["email"] if customer else "payer@example.org", "name": "Pat Payer"}
    method = new_bank_account(world, billing) if bank else new_card(world, number, billing)
    if session["mode"] == "setup":
        return _save(world, session, method, authenticated=authenticated)
    intent = _intent(world, session, customer)
    world.change(intent, payment_method=method["id"])
    attempt(world, intent, authenticated=authenticated)
    if intent["status"] == "requires_action":
        return "authenticate"
    _complete(world, session, intent)
    return "paid" if session["payment_status"] == "paid" else "later"


def _save(world: World, session: Body, method: Body, *, authenticated: bool) -> str:
    number = world.kept.behaviour.get(method["id"], "")
    if number in CARDS and CARDS[number].behaviour == "declined":
        raise Refusal(402, "Your card was declined.", kind="card_error", code="card_declined")
    if number in CARDS and CARDS[number].behaviour.startswith("authenticate") and not authenticated:
        return "authenticate"
    finish_setup(world, world.get("setup_intent", session["setup_intent"]), method)
    _note_customer(world, session)
    world.change(session, status="complete", url=None)
    world.announce("checkout.session.completed", session)
    return "saved"


def _customer(world: World, session: Body) -> Body | None:
    if session["customer"] is None and session["customer_creation"] == "always":
        made = world.add("customer", email=session["customer_email"], metadata={}, invoice_settings={})
        world.announce("customer.created", made)
        session["customer"] = made["id"]
    return world.tables["customer"].get(session["customer"] or "")


def _intent(world: World, session: Body, customer: Body | None) -> Body:
    """Made when the customer presses the button for the first time, and kept for the next try."""
    if session["payment_intent"]:
        return world.get("payment_intent", session["payment_intent"])
    wish = world.kept.wishes[session["id"]].get("payment_intent_data", {})
    if session["automatic_tax"]["enabled"]:
        tax = half_up(session["amount_subtotal"] * world.settings.tax_percent / 100)
        session |= _totals(session["amount_subtotal"], tax)
        session["automatic_tax"] = session["automatic_tax"] | {"status": "complete"}
    intent = new_intent(
        world,
        amount=session["amount_total"],
        currency=session["currency"],
        customer=customer["id"] if customer else None,
        metadata=wish.get("metadata") or {},
        payment_method_types=session["payment_method_types"],
        **{
            name: wish[name]
            for name in ("description", "receipt_email", "setup_future_usage", "statement_descriptor", "transfer_group")
            if name in wish
        },
    )
    session["payment_intent"] = intent["id"]
    return intent


def _note_customer(world: World, session: Body) -> None:
    customer = _customer(world, session)
    details: Body = {"address": ADDRESS, "email": customer["email"] if customer else session["customer_email"]}
    details |= {"name": "Pat Payer", "phone": None, "tax_exempt": "none", "tax_ids": []}
    details |= {"business_name": None, "individual_name": "Pat Payer"}
    world.change(session, customer_details=details)
    updates = world.kept.wishes[session["id"]].get("customer_update", {})
    changes: dict[str, Any] = {"address": ADDRESS, "name": "Pat Payer"}
    wanted = {name: value for name, value in changes.items() if updates.get(name) == "auto"}
    if customer and wanted:
        world.change(customer, "customer.updated", **wanted)


def _complete(world: World, session: Body, intent: Body) -> None:
    _note_customer(world, session)
    is_paid = intent["status"] == "succeeded"
    world.change(session, status="complete", url=None, payment_status="paid" if is_paid else "unpaid")
    if is_paid:
        _invoice(world, session)
    elif world.settings.async_seconds:
        due = world.clock.now() + world.settings.async_seconds
        world.clock.at(due, lambda: settle(world, intent, succeeded=world.settings.async_succeeds))
    world.announce("checkout.session.completed", session)


def _invoice(world: World, session: Body) -> None:
    if session["invoice_creation"]["enabled"]:
        wish = world.kept.wishes[session["id"]]["invoice_creation"]
        session["invoice"] = make_invoice(world, session, wish)["id"]


def settle(world: World, intent: Body, *, succeeded: bool) -> None:
    """The bank has spoken about a payment that was on its way, and the session hears of it."""
    payments.settle(world, intent, succeeded=succeeded)
    found = (one for one in world.newest_first("checkout.session") if one["payment_intent"] == intent["id"])
    session = next(found, None)
    if session is None:
        return
    if succeeded:
        world.change(session, payment_status="paid")
        _invoice(world, session)
    world.announce(f"checkout.session.async_payment_{'succeeded' if succeeded else 'failed'}", session)
