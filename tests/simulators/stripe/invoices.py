"""The paid invoice that a checkout session with ``invoice_creation`` leaves behind."""

from __future__ import annotations

from tests.simulators.stripe.shapes import Body
from tests.simulators.stripe.world import Call, World


def retrieve(world: World, call: Call) -> Body:
    return world.get("invoice", call.id)


def make_invoice(world: World, session: Body, wish: Body) -> Body:
    """Made, finalised and paid in one go."""
    customer = world.tables["customer"].get(session["customer"] or "", {})
    number = f"SIM-{len(world.tables['invoice']) + 1:04d}"
    total, now = session["amount_total"], world.now()
    lines = world.kept.line_items[session["id"]]
    data = wish.get("invoice_data", {})
    invoice = world.add(
        "invoice",
        amount_due=total, amount_overpaid=0, amount_paid=total, amount_remaining=0, amount_shipping=0, attempt_count=1,
        attempted=True, automatic_tax={"enabled": session["automatic_tax"]["enabled"]}, billing_reason="manual",
        collection_method="charge_automatically", currency=session["currency"], customer=session["customer"],
        customer_email=customer.get("email"), customer_name=customer.get("name"), default_tax_rates=[], discounts=[],
        description=data.get("description"), footer=data.get("footer"), metadata=data.get("metadata") or {},
        issuer={"type": "self"}, number=number, payment_settings={}, period_start=now, period_end=now,
        lines={"object": "list", "data": lines, "has_more": False, "url": "/v1/invoices/lines"},
        post_payment_credit_notes_amount=0, pre_payment_credit_notes_amount=0, starting_balance=0, ending_balance=0,
        status="paid", status_transitions={"finalized_at": now, "paid_at": now}, subtotal=session["amount_subtotal"],
        total=total,
    )  # fmt: skip
    page = f"{world.base}/invoices/{invoice['id']}"
    invoice |= {"hosted_invoice_url": page, "invoice_pdf": f"{page}/pdf"}
    for event in ("invoice.created", "invoice.finalized", "invoice.paid", "invoice.payment_succeeded"):
        world.announce(event, invoice)
    return invoice
