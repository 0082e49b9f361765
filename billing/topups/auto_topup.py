"""Automatic top-up: below a threshold, an amount from the saved card, at most so much a month.

One attempt at a time (the database refuses a second), what is on its way counts as if it were here, and what is not
yet paid counts against the month. The row is made first and the card is charged after the commit.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Sum
from django.utils import timezone

from avatarsite.alerts import raise_alert
from avatarsite.audit.record import record
from avatarsite.queue import jobs
from avatarsite.service.switches import TOP_UPS, is_on
from avatarsite.workspaces.models import User, Workspace
from billing.ledger import accounts
from billing.models import AutoTopUp, LedgerAccount, Origin, TopUp, TopUpState
from billing.models.ledger import MEMO_LENGTH
from billing.models.stripe import COMMITTED, UNDER_WAY
from billing.money import usd
from billing.stripe import client
from billing.stripe.client import CardDeclined, StripeProblem, StripeRefused, StripeUnreachable
from billing.stripe.customers import known_customer
from billing.stripe.objects import PaymentFacts
from billing.topups import mail
from billing.topups.checkout import CENT_MICROS, MAX_CENTS, MIN_CENTS, book_payment, state_of_payment

logger = logging.getLogger(__name__)

MAX_THRESHOLD_MICROS = MAX_CENTS * CENT_MICROS
FAILURES_TO_PAUSE = 3
INITIAL_PAUSE = timedelta(hours=1)
# Stripe keeps keys of idempotency for a day at least; after that its list says whether the card was charged.
KEY_LASTS = timedelta(hours=20)
UNCONFIRMED_LASTS = timedelta(days=3)


class Rules(NamedTuple):
    """What somebody asks for, in micro-dollars and cents."""

    enabled: bool
    threshold_micros: int
    amount_cents: int
    ceiling_cents: int


def rules_of(workspace: Workspace) -> AutoTopUp:
    """The workspace's rules, or what they'd be at first; not saved."""
    return AutoTopUp.objects.filter(workspace=workspace).first() or AutoTopUp(workspace=workspace)


def why_off() -> str:
    """Why nobody can have it on this server, or ""."""
    if not is_on(TOP_UPS):
        return "Credit can't be bought at the moment."
    if settings.STRIPE_TAX:
        return "Tax is worked out at checkout on this server, so credit can't buy itself."
    return ""


def set_rules(workspace: Workspace, wanted: Rules, *, user: User) -> AutoTopUp:
    """Save the rules, and try at once if they say so. ValueError with a sentence that names the field."""
    _validate(workspace, wanted)
    rules, _ = AutoTopUp.objects.update_or_create(
        workspace=workspace,
        # Whoever saves has looked: what went wrong before is forgotten.
        defaults={**wanted._asdict(), "set_by": user, "failures": 0, "next_attempt_at": None, "paused_reason": ""},
    )
    state = "on" if rules.enabled else "off"
    record("auto_topup.set", f"Automatic top-up is {state}", workspace=workspace, by=user)
    LedgerAccount.objects.filter(pk=accounts.wallet(workspace).pk).update(low_mark=low_mark(rules))
    if rules.enabled:
        jobs.enqueue("billing.auto_top_up", workspace_id=workspace.pk)
    return rules


def cents_or_refuse(name: str, dollars: Decimal) -> int:
    """The cents of an amount in dollars. ValueError with a sentence that names the field."""
    if not dollars.is_finite() or dollars != dollars.quantize(Decimal("0.01")):
        raise ValueError(f"The {name} of ${dollars} is finer than a cent; write dollars such as 20 or 12.50.")
    return int(dollars * 100)


def low_mark(rules: AutoTopUp) -> int | None:
    return rules.threshold_micros if rules.enabled else None


def _validate(workspace: Workspace, wanted: Rules) -> None:
    if not 0 <= wanted.threshold_micros <= MAX_THRESHOLD_MICROS:
        raise ValueError(f"The threshold is {usd(wanted.threshold_micros)}; write $0 to {usd(MAX_THRESHOLD_MICROS)}.")
    amount, ceiling = wanted.amount_cents * CENT_MICROS, wanted.ceiling_cents * CENT_MICROS
    if not MIN_CENTS <= wanted.amount_cents <= MAX_CENTS:
        least, most = usd(MIN_CENTS * CENT_MICROS), usd(MAX_CENTS * CENT_MICROS)
        raise ValueError(f"The amount is {usd(amount)}; write {least} to {most}.")
    if wanted.ceiling_cents < wanted.amount_cents:
        raise ValueError(f"The monthly ceiling of {usd(ceiling)} is less than one top-up of {usd(amount)}; raise it.")
    if not wanted.enabled:
        return
    if sentence := why_off():
        raise ValueError(sentence)
    customer = known_customer(workspace)
    if customer is None or not customer.card_id:
        raise ValueError("There is no saved card yet; save one first.")


def month_start(now: datetime) -> datetime:
    return now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def committed_cents(workspace: Workspace, now: datetime) -> int:
    """What automatic top-ups of this calendar month (UTC) have taken or may still take."""
    month = TopUp.objects.filter(
        workspace=workspace, origin=Origin.AUTOMATIC, state__in=COMMITTED, created_at__gte=month_start(now)
    )
    return int(month.aggregate(sum=Sum("amount_cents", default=0))["sum"])


def this_month_micros(workspace: Workspace) -> int:
    return committed_cents(workspace, timezone.now()) * CENT_MICROS


def consider(workspace: Workspace) -> TopUp | None:
    """Start an automatic top-up if the rules say so now, or None. Safe to repeat and to race."""
    if (
        not client.is_on()
        or why_off()
        or Workspace.objects.filter(pk=workspace.pk, suspended_at__isnull=False).exists()
    ):
        return None
    try:
        top_up = _decide(workspace)
    except IntegrityError:
        return None  # somebody else's attempt is under way
    if top_up:
        attempt(top_up)
        top_up.refresh_from_db()
    return top_up


def _decide(workspace: Workspace) -> TopUp | None:
    now = timezone.now()
    with transaction.atomic():
        rules = AutoTopUp.objects.select_for_update().filter(workspace=workspace, enabled=True).first()
        customer = known_customer(workspace)
        if not rules or rules.paused_reason or not customer or not customer.card_id:
            return None
        if (rules.next_attempt_at and rules.next_attempt_at > now) or not _is_low(workspace, rules):
            return None
        if committed_cents(workspace, now) + rules.amount_cents > rules.ceiling_cents:
            _tell_ceiling(rules, now)
            return None
        return TopUp.objects.create(
            workspace=workspace,
            customer=customer,
            origin=Origin.AUTOMATIC,
            amount_cents=rules.amount_cents,
            livemode=customer.livemode,
            payer=customer.stripe_id or "",
            created_at=now,
            card_id=customer.card_id,
            next_check_at=now + timedelta(minutes=2),
        )


def _is_low(workspace: Workspace, rules: AutoTopUp) -> bool:
    """Whether what is available, with what is on its way, is below the threshold."""
    if TopUp.objects.filter(workspace=workspace, origin=Origin.AUTOMATIC, state__in=UNDER_WAY).exists():
        return False
    balance = accounts.balance(workspace)
    coming = TopUp.objects.filter(workspace=workspace, state=TopUpState.PROCESSING)
    coming_cents = int(coming.aggregate(sum=Sum("amount_cents", default=0))["sum"])
    return not balance.frozen_at and balance.available_micros + coming_cents * CENT_MICROS < rules.threshold_micros


def _tell_ceiling(rules: AutoTopUp, now: datetime) -> None:
    month = month_start(now).date()
    if AutoTopUp.objects.filter(pk=rules.pk).exclude(ceiling_told_on=month).update(ceiling_told_on=month):
        mail.mail_ceiling(rules, month)


# --- Charging --------------------------------------------------------------------------------------------------------


def attempt(top_up: TopUp) -> str:
    """Charge the saved card for a top-up that was decided. Safe to repeat: one key at Stripe, then Stripe's list."""
    if top_up.state != TopUpState.NEW or top_up.payment_intent_id:
        return f"{top_up} was tried before"
    try:
        if top_up.created_at < timezone.now() - KEY_LASTS:
            return _find(top_up)
        # After a lost answer Stripe's list may know more than its memory of the key, which keeps errors too.
        facts = _made_before(top_up) if top_up.tries else None
        facts = facts or client.charge_card(top_up)
    except CardDeclined as error:
        return _declined(top_up, error)
    except StripeUnreachable as error:
        # It may have been charged. The row stays, the next try has the same key, and no second attempt starts.
        again = timezone.now() + timedelta(minutes=min(2 ** min(top_up.tries + 1, 6), 60))
        TopUp.objects.filter(pk=top_up.pk).update(tries=F("tries") + 1, next_check_at=again)
        return f"{top_up}: {error}"
    except StripeRefused as error:
        raise_alert("stripe_auto_topup", top_up.workspace_id, f"Automatic top-up {top_up} was refused: {error}")
        return fail(top_up, str(error), final=True)
    return take_note(top_up, facts)


def _made_before(top_up: TopUp) -> PaymentFacts | None:
    since = top_up.created_at - timedelta(hours=1)
    made = client.payments_since(since, customer_id=top_up.customer.stripe_id or "")
    return next((facts for facts in made if facts.metadata.get("topup") == top_up.pk), None)


def _find(top_up: TopUp) -> str:
    found = _made_before(top_up)
    return take_note(top_up, found) if found else fail(top_up, "Stripe never heard of it, so nothing was paid.")


def take_note(top_up: TopUp, facts: PaymentFacts) -> str:
    """Book what a payment of an automatic top-up has come to, and what follows from it for the next ones."""
    with transaction.atomic():
        before = TopUp.objects.select_for_update().values_list("state", flat=True).get(pk=top_up.pk)
        outcome = book_payment(facts)
        top_up.refresh_from_db()
        if top_up.state != before:
            _follow(top_up)
    return outcome


def _follow(top_up: TopUp) -> None:
    if top_up.state == TopUpState.PAID:
        AutoTopUp.objects.filter(workspace=top_up.workspace_id).update(failures=0, next_attempt_at=None)
    elif top_up.state == TopUpState.NEEDS_ACTION:
        mail.mail_top_up(top_up)
    elif top_up.state in {TopUpState.FAILED, TopUpState.CANCELLED}:
        _count_failure(top_up, top_up.problem, final=False)


def _declined(top_up: TopUp, error: CardDeclined) -> str:
    if not error.payment_id:
        return fail(top_up, str(error))
    TopUp.objects.filter(pk=top_up.pk, payment_intent_id=None).update(payment_intent_id=error.payment_id)
    try:
        facts = client.payment(error.payment_id)
    except StripeProblem:
        # Stripe has told what happened; that it can't be asked again now changes nothing about it.
        return _needs_action(top_up) if error.needs_action else fail(top_up, str(error))
    if state_of_payment(facts) == TopUpState.NEEDS_ACTION or not error.needs_action:
        return take_note(top_up, facts)
    return _needs_action(top_up)


def _needs_action(top_up: TopUp) -> str:
    again = timezone.now() + timedelta(hours=6)
    with transaction.atomic():
        moved = TopUp.objects.filter(pk=top_up.pk, state=TopUpState.NEW).update(
            state=TopUpState.NEEDS_ACTION, next_check_at=again
        )
        if moved:
            mail.mail_top_up(top_up)
    return f"{top_up} has to be confirmed"


def fail(top_up: TopUp, problem: str, *, final: bool = False) -> str:
    """The attempt came to nothing. ``final`` stops the next ones until somebody saves the rules again."""
    with transaction.atomic():
        moved = (
            TopUp.objects.filter(pk=top_up.pk)
            .exclude(state__in=[TopUpState.PAID, TopUpState.FAILED])
            .update(state=TopUpState.FAILED, problem=problem[:MEMO_LENGTH], next_check_at=None)
        )
        if moved:
            _count_failure(top_up, problem, final=final)
    return f"{top_up} failed"


def _count_failure(top_up: TopUp, problem: str, *, final: bool) -> None:
    with transaction.atomic():
        rules = AutoTopUp.objects.select_for_update().filter(workspace=top_up.workspace_id).first()
        if rules is None:
            return
        rules.failures += 1
        rules.next_attempt_at = timezone.now() + INITIAL_PAUSE * 4 ** min(rules.failures - 1, 3)
        if final or rules.failures >= FAILURES_TO_PAUSE:
            rules.paused_reason = (problem or "The card was declined.")[:MEMO_LENGTH]
        rules.save()
        mail.mail_top_up(top_up)


# --- When somebody has to be there -----------------------------------------------------------------------------------


def start_confirmation(top_up: TopUp, *, visit: str, return_url: str) -> str:
    """Try the payment again with the cardholder there. Returns the bank's page, or ``return_url`` if none is needed."""
    try:
        facts = client.confirm_payment(top_up, visit=visit, return_url=return_url)
    except CardDeclined as error:
        fail(top_up, str(error))
        return return_url
    take_note(top_up, facts)
    return facts.redirect_url or return_url


def give_up_waiting(top_up: TopUp) -> str:
    """Nobody has confirmed it in time: cancel it at Stripe, so that it can't be paid later, and let the next one be."""
    try:
        facts = client.cancel_payment(top_up)
    except (StripeRefused, StripeUnreachable):
        # It is paid or cancelled already, or the answer was lost: how it stands says which.
        facts = client.payment(top_up.payment_intent_id or "")
    return take_note(top_up, facts)


def is_stale(top_up: TopUp) -> bool:
    return top_up.state == TopUpState.NEEDS_ACTION and top_up.created_at < timezone.now() - UNCONFIRMED_LASTS
