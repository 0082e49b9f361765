"""Customers: made once, changed, deleted, and the portal in which they look after themselves."""

from __future__ import annotations

from tests.simulators.stripe.errors import bad
from tests.simulators.stripe.shapes import Body
from tests.simulators.stripe.world import Call, World

PLAIN = ("address", "description", "email", "name", "phone", "shipping", "preferred_locales", "tax_exempt")


def create(world: World, call: Call) -> Body:
    given = {name: call.params[name] for name in PLAIN if call.params.get(name) not in (None, "")}
    made = world.add(
        "customer",
        balance=0,
        delinquent=False,
        metadata=call.params.get("metadata") or {},
        invoice_prefix="SIM",
        invoice_settings=_invoice_settings(world, call, {}),
        tax_exempt=given.pop("tax_exempt", "none"),
        preferred_locales=given.pop("preferred_locales", []),
        **given,
    )
    world.announce("customer.created", made)
    return made


def retrieve(world: World, call: Call) -> Body:
    return world.get("customer", call.id)


def living(world: World, customer_id: str, param: str = "customer") -> Body:
    """A customer that may be charged.

    :raises Refusal: unknown, or deleted.
    """
    customer = world.get("customer", customer_id, param)
    if customer.get("deleted"):
        raise bad(f"No such customer: '{customer_id}'", code="resource_missing", param=param)
    return customer


def update(world: World, call: Call) -> Body:
    customer = living(world, call.id, "id")
    changes = {name: call.params[name] or None for name in PLAIN if name in call.params}
    if "metadata" in call.params:
        changes["metadata"] = merged(customer["metadata"], call.params["metadata"])
    changes["invoice_settings"] = _invoice_settings(world, call, customer["invoice_settings"] or {}, customer["id"])
    world.change(customer, "customer.updated", **changes)
    return customer


def merged(before: Body, given: Body | str) -> Body:
    """Metadata: "" takes one key away, or all of them."""
    if given == "":
        return {}
    assert isinstance(given, dict)
    return {name: value for name, value in {**before, **given}.items() if value != ""}


def _invoice_settings(world: World, call: Call, before: Body, customer_id: str | None = None) -> Body:
    wished = call.params.get("invoice_settings", {})
    default = wished.get("default_payment_method", before.get("default_payment_method")) or None
    if default and default != before.get("default_payment_method"):
        method = world.get("payment_method", default, "invoice_settings[default_payment_method]")
        if method["customer"] != customer_id or customer_id is None:
            raise bad(
                "The customer does not have a payment method with the ID "
                f"{default}. The payment method must be attached to the customer.",
                code="resource_missing",
                param="invoice_settings[default_payment_method]",
            )
    empty: Body = {"custom_fields": None, "default_payment_method": None, "footer": None, "rendering_options": None}
    return empty | before | {"default_payment_method": default}


def delete(world: World, call: Call) -> Body:
    customer = living(world, call.id, "id")
    gone = {"id": customer["id"], "object": "customer", "deleted": True}
    world.announce("customer.deleted", customer)
    for method in world.tables["payment_method"].values():
        if method["customer"] == customer["id"]:
            method["customer"] = None
    world.tables["customer"][customer["id"]] = gone
    return gone


# --- The portal


def open_portal(world: World, call: Call) -> Body:
    if "customer" not in call.params:
        raise bad("Missing required param: customer.", code="parameter_missing", param="customer")
    customer = living(world, call.params["customer"])
    made = world.add(
        "billing_portal.session",
        configuration=call.params.get("configuration") or "bpc_default",
        customer=customer["id"],
        url="",
        **{name: call.params[name] for name in ("return_url", "locale", "on_behalf_of") if name in call.params},
    )
    made["url"] = f"{world.base}/portal/{made['id']}"
    return made
