"""Checkout of a top-up: a row of ours, a visit to Stripe's page, and credit when Stripe says that it is paid.

Whatever comes (a webhook, somebody who waits on the return page, the sweep, a reconciliation) ends in ``check_top_up``
or in ``book_session`` and ``book_payment``: they look at the object as it now stands, hold it against our row, and
credit once, under a key made of the payment's id.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from avatarsite.alerts import raise_alert
from avatarsite.service.switches import TOP_UPS, is_on
from avatarsite.workspaces.models import User, Workspace
from billing.debts.freezes import apply_freeze
from billing.debts.receivables import settle_receivable
from billing.events import publish
from billing.ledger import accounts, posting
from billing.ledger.posting import KeyConflict
from billing.models import Origin, StripeCustomer, TopUp, TopUpState, TransferKind
from billing.models.ledger import MEMO_LENGTH
from billing.money import MICROS, usd
from billing.stripe import client
from billing.stripe.client import CHECKOUT_LASTS, StripeProblem, StripeRefused
from billing.stripe.customers import customer_of, keep_card, renew
from billing.stripe.objects import PaymentFacts, SessionFacts

logger = logging.getLogger(__name__)

PACKS_CENTS = (1_000, 2_500, 5_000, 10_000)
MIN_CENTS, MAX_CENTS = 500, 500_000
CENT_MICROS = MICROS // 100
# Until then the person who pressed the button may still be waiting for Stripe's first answer.
ABANDONED = timedelta(minutes=10)
MISMATCH = "stripe_mismatch"


def cents_of(dollars: Decimal) -> int:
    """The cents of an amount to buy. ValueError with a sentence for one that is not sold."""
    if not dollars.is_finite() or dollars != dollars.quantize(Decimal("0.01")):
        raise ValueError(f"${dollars} is finer than a cent; write dollars such as 20 or 12.50.")
    cents = int(dollars * 100)
    if not MIN_CENTS <= cents <= MAX_CENTS:
        least, most = usd(MIN_CENTS * CENT_MICROS), usd(MAX_CENTS * CENT_MICROS)
        raise ValueError(f"{usd(cents * CENT_MICROS)} can't be bought in one go: write {least} to {most}.")
    return cents


def start_top_up(  # noqa: PLR0913 -- they are what the form says
    workspace: Workspace,
    user: User,
    *,
    amount_cents: int,
    save_card: bool = False,
    return_url: str,
    back_to: str = "",
) -> TopUp:
    """A top-up with the address of Stripe's page in ``session_url``. ``return_url`` has ``{top_up}`` for its id.

    ``back_to`` is the page of ours that it was bought for; Stripe is told nothing of it.

    Raises StripeProblem with a sentence; the row then says what became of it.
    """
    if not is_on(TOP_UPS):
        raise StripeProblem("Credit can't be bought at the moment. Try again later.")
    customer = customer_of(workspace, user)
    top_up = TopUp.objects.create(
        workspace=workspace,
        customer=customer,
        user=user,
        amount_cents=amount_cents,
        livemode=customer.livemode,
        payer=customer.stripe_id or "",
        save_card=save_card,
        back_to=back_to,
        next_check_at=timezone.now() + ABANDONED,
    )
    try:
        facts = client.checkout_session(top_up, return_url=return_url.format(top_up=top_up.pk))
    except StripeRefused as error:
        if error.missing or error.code == "resource_missing":
            renew(customer)
        _move(top_up, TopUpState.FAILED, problem=str(error))
        raise
    TopUp.objects.filter(pk=top_up.pk).update(session_url=facts.url)
    book_session(facts)
    top_up.refresh_from_db()
    return top_up


def check_top_up(top_up: TopUp) -> TopUp:
    """Ask Stripe how the top-up stands, and book it. Safe to repeat and to race. Raises StripeProblem."""
    if top_up.state == TopUpState.PAID:
        return top_up
    if top_up.session_id:
        book_session(client.session(top_up.session_id))
    elif top_up.payment_intent_id:
        book_payment(client.payment(top_up.payment_intent_id))
    elif top_up.origin == Origin.CHECKOUT and top_up.created_at < timezone.now() - ABANDONED:
        # Nobody was ever given its page. Should Stripe know of it all the same, its event or a reconciliation tells.
        _move(top_up, TopUpState.FAILED, problem="Stripe never answered, so nothing was paid.")
    top_up.refresh_from_db()
    return top_up


# --- What Stripe's objects say ---------------------------------------------------------------------------------------


def book_session(facts: SessionFacts) -> str:
    """Book a Checkout session as it stands. Returns what was done, in words; nothing when it is not of ours."""
    if facts.mode != "payment":
        return "not a top-up"
    top_up = TopUp.objects.filter(session_id=facts.id).first() or TopUp.objects.filter(pk=facts.reference).first()
    if top_up is None:
        return _unknown(facts.id, facts.reference or facts.metadata.get("topup", ""), paid=_is_paid(facts))
    if top_up.session_id != facts.id and not _adopt(top_up, session_id=facts.id):
        return _refuse(top_up, facts.id, [f"its session is {top_up.session_id} and not {facts.id}"])
    if top_up.state == TopUpState.PAID:
        return f"{top_up} was credited before"
    if _stays_closed(top_up, facts.payment_id, paid=_is_paid(facts)):
        return f"{top_up} was closed without credit"
    if wrong := session_differences(top_up, facts):
        return _refuse(top_up, facts.id, wrong) if _is_paid(facts) else f"{top_up} is not paid, and differs"
    if _is_paid(facts):
        return _book_paid(top_up, facts)
    return _move(top_up, _state_of(facts), problem=_problem_of(facts.payment))


def book_payment(facts: PaymentFacts) -> str:
    """Book a PaymentIntent as it stands: of an automatic top-up here, of a Checkout by way of its session."""
    top_up = TopUp.objects.filter(payment_intent_id=facts.id).first()
    top_up = top_up or TopUp.objects.filter(pk=facts.metadata.get("topup", "")).first()
    if top_up is None:
        return _unknown(facts.id, facts.metadata.get("topup", ""), paid=facts.is_paid)
    if top_up.origin == Origin.CHECKOUT:
        return _book_its_session(top_up, facts)
    if top_up.payment_intent_id != facts.id and not _adopt(top_up, payment_intent_id=facts.id):
        return _refuse(top_up, facts.id, [f"its payment is {top_up.payment_intent_id} and not {facts.id}"])
    if top_up.state == TopUpState.PAID:
        return f"{top_up} was credited before"
    if _stays_closed(top_up, facts.id, paid=facts.is_paid):
        return f"{top_up} was closed without credit"
    if facts.is_paid:
        if wrong := payment_differences(top_up, facts, facts.amount_received):
            return _refuse(top_up, facts.id, wrong)
        return credit_top_up(top_up, facts.id, total_cents=facts.amount_received)
    return _move(top_up, state_of_payment(facts), problem=_problem_of(facts))


def _book_its_session(top_up: TopUp, facts: PaymentFacts) -> str:
    if top_up.state == TopUpState.PAID:
        return f"{top_up} was credited before" if top_up.payment_intent_id == facts.id else _second(top_up, facts)
    if top_up.session_id:
        return book_session(client.session(top_up.session_id))
    found = client.sessions_of(facts.id)
    return book_session(client.session(found[0].id)) if found else f"{top_up} has no session of {facts.id}"


def _second(top_up: TopUp, facts: PaymentFacts) -> str:
    if not facts.is_paid:
        return f"{top_up} was credited before"
    return _refuse(top_up, facts.id, [f"it was paid by {top_up.payment_intent_id} before"])


def _stays_closed(top_up: TopUp, payment_id: str, *, paid: bool) -> bool:
    """Whether staff had seen this when they closed it; money that came since is news."""
    if not top_up.is_closed:
        return False
    credited = TopUp.objects.filter(state=TopUpState.PAID, payment_intent_id=payment_id)
    return not paid or top_up.payment_intent_id == payment_id or credited.exists()


def _is_paid(facts: SessionFacts) -> bool:
    return facts.payment_status == "paid"


def _state_of(facts: SessionFacts) -> str:
    if facts.status == "expired":
        return TopUpState.EXPIRED
    if facts.status != "complete":
        return TopUpState.OPEN
    # The page is done and the money is not here: on its way, or it never came.
    failed = facts.payment and facts.payment.status in {"requires_payment_method", "canceled"}
    return TopUpState.FAILED if failed else TopUpState.PROCESSING


def state_of_payment(facts: PaymentFacts) -> str:
    """What an unpaid PaymentIntent of an automatic top-up comes to."""
    if facts.status == "canceled":
        return TopUpState.CANCELLED
    if facts.status == "requires_action" or facts.error_code == "authentication_required":
        return TopUpState.NEEDS_ACTION
    return TopUpState.FAILED if facts.status == "requires_payment_method" else TopUpState.PROCESSING


def _problem_of(facts: PaymentFacts | None) -> str:
    return facts.error_message if facts else ""


# --- Holding the object against our row ------------------------------------------------------------------------------


def session_differences(top_up: TopUp, facts: SessionFacts) -> list[str]:
    """What of a session is not as we asked for it, in words."""
    wrong = _named(top_up, facts.currency, facts.customer_id, facts.livemode, facts.metadata.get("topup", ""))
    if facts.reference != top_up.pk:
        wrong.append(f"its reference is {facts.reference!r} and not {top_up.pk}")
    # Not the total: that has tax in it.
    if facts.amount_subtotal != top_up.amount_cents:
        wrong.append(f"its price is {facts.amount_subtotal} cents and not {top_up.amount_cents}")
    if facts.amount_total != facts.amount_subtotal + facts.amount_tax:
        wrong.append(f"its total of {facts.amount_total} cents is not its price with {facts.amount_tax} of tax")
    if _is_paid(facts) and facts.payment is None:
        wrong.append("it is paid by no payment")
    if _is_paid(facts) and facts.payment:
        wrong += payment_differences(top_up, facts.payment, facts.amount_total)
    return wrong


def payment_differences(top_up: TopUp, facts: PaymentFacts, total: int) -> list[str]:
    """What of a payment of ``total`` cents is not as we asked for it, in words."""
    wrong = _named(top_up, facts.currency, facts.customer_id, facts.livemode, facts.metadata.get("topup", ""))
    if facts.amount_received != total or total < top_up.amount_cents:
        due = total if facts.amount_received != total else top_up.amount_cents
        wrong.append(f"{facts.amount_received} cents were received for {due}")
    if top_up.origin == Origin.AUTOMATIC and total != top_up.amount_cents:
        wrong.append(f"it is of {total} cents and not {top_up.amount_cents}")
    return wrong


def _named(top_up: TopUp, currency: str, customer_id: str, livemode: bool, named: str) -> list[str]:
    facts = (
        ("currency", currency, top_up.currency),
        ("customer", customer_id, top_up.payer or top_up.customer.stripe_id),
        ("livemode", livemode, top_up.livemode),
        ("top-up", named, top_up.pk),
    )
    wrong = [f"its {name} is {found!r} and not {ours!r}" for name, found, ours in facts if found != ours]
    if top_up.livemode != client.livemode():
        wrong.append("our key is of the other mode")
    return wrong


def _adopt(top_up: TopUp, **names: str) -> bool:
    """Give a row the object that was made for it and whose answer was lost."""
    (name,) = names
    if getattr(top_up, name):
        return False
    won = TopUp.objects.filter(pk=top_up.pk, **{name: None}).update(**names)
    top_up.refresh_from_db()
    return bool(won) or getattr(top_up, name) == names[name]


def _unknown(object_id: str, reference: str, *, paid: bool) -> str:
    if paid and reference.startswith("top_"):
        message = f"{object_id} was paid for top-up {reference}, which is not here. Nothing was credited."
        raise_alert(MISMATCH, object_id, message, reference=reference)
    return f"{object_id} is not of ours"


def _refuse(top_up: TopUp, object_id: str, wrong: list[str]) -> str:
    message = f"{object_id} of top-up {top_up.pk}: {'; '.join(wrong)}. Nothing was credited."
    raise_alert(MISMATCH, object_id, message, top_up=top_up.pk, differences=wrong)
    _move(top_up, TopUpState.REVIEW, problem="The payment does not look as it should; we are looking at it.")
    return message


# --- What becomes of the row -----------------------------------------------------------------------------------------


def _book_paid(top_up: TopUp, facts: SessionFacts) -> str:
    outcome = credit_top_up(top_up, facts.payment_id, total_cents=facts.amount_total, invoice_id=facts.invoice_id)
    if top_up.save_card and facts.card:
        keep_card(StripeCustomer.objects.get(pk=top_up.customer_id), facts.card)
    return outcome


def credit_top_up(top_up: TopUp, payment_id: str, *, total_cents: int, invoice_id: str = "") -> str:
    """Credit a payment that was held against its row before. Once, whoever calls how often."""
    try:
        with transaction.atomic():
            return _credit(top_up, payment_id, total_cents, invoice_id)
    except KeyConflict as error:
        return _refuse(top_up, payment_id, [str(error)])


def _credit(top_up: TopUp, payment_id: str, total_cents: int, invoice_id: str) -> str:
    row = TopUp.objects.select_for_update().get(pk=top_up.pk)
    if row.state == TopUpState.PAID:
        return f"{row} was credited before"
    if not payment_id or TopUp.objects.filter(payment_intent_id=payment_id).exclude(pk=row.pk).exists():
        return _refuse(row, payment_id or row.pk, ["its payment is another top-up's, or none"])
    row.lot = posting.add_credit(
        row.workspace,
        row.amount_micros,
        source=accounts.platform(accounts.STRIPE_CLEARING),
        kind=TransferKind.TOP_UP,
        key=f"stripe:{payment_id}",
        memo="Bought automatically" if row.origin == Origin.AUTOMATIC else "Bought at checkout",
        subject=row.subject,
        actor=row.user,
        category=posting.PAID,
    )
    row.state, row.paid_at, row.payment_intent_id = TopUpState.PAID, timezone.now(), payment_id
    row.total_cents, row.invoice_id, row.problem, row.next_check_at = total_cents, invoice_id, "", None
    row.save()
    settle_receivable(row.workspace)
    apply_freeze(row.workspace)
    publish(
        row.workspace,
        "topup.succeeded",
        subject=row.subject,
        data={"id": row.pk, "amount_micros": row.amount_micros, "automatic": row.origin == Origin.AUTOMATIC},
    )
    logger.info("%s of %s is paid by %s: %s", row, row.workspace_id, payment_id, usd(row.amount_micros))
    return f"{row} was credited"


def _move(top_up: TopUp, state: str, *, problem: str = "") -> str:
    """Note a state that moves no money. What is paid stays paid, however late another answer comes."""
    now = timezone.now()
    TopUp.objects.filter(pk=top_up.pk).exclude(state=TopUpState.PAID).update(
        state=state, problem=problem[:MEMO_LENGTH], next_check_at=_next_check(top_up, state, now)
    )
    return f"{top_up} is {TopUpState(state).label.lower()}"


def _next_check(top_up: TopUp, state: str, now: datetime) -> datetime | None:
    """When the sweep asks again, should no webhook come: closely at first, and as long as money may still come."""
    age = now - top_up.created_at
    if state == TopUpState.OPEN:
        return now + timedelta(minutes=2 if age < timedelta(minutes=20) else 15)
    if state == TopUpState.NEEDS_ACTION:
        return now + timedelta(hours=6)
    if state == TopUpState.PROCESSING:
        return now + (timedelta(minutes=15) if age < CHECKOUT_LASTS else timedelta(hours=6))
    return None
