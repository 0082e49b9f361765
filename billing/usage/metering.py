"""Metering: measured output becomes one Usage, one charge, our cost and a write-off, all or nothing; or goes back."""

from __future__ import annotations

import logging
import uuid

from django.db import IntegrityError, transaction
from django.utils import timezone

from avatarsite.db import raw
from avatarsite.workspaces.models import User, Workspace
from billing.budgets import budgets
from billing.errors import CannotReverse, KeyConflict
from billing.holds.holds import settle_hold
from billing.ledger import accounts, lots, posting
from billing.models import Hold, LedgerAccount, Price, Transfer, TransferKind, Usage
from billing.money import charge_micros, usd, usd_a_second
from billing.usage import daily

logger = logging.getLogger(__name__)


def charge_of(measured_ms: int, price: Price, held_micros: int) -> int:
    """The charge of a measured video: its length at the price, and never more than was held for it."""
    return min(charge_micros(measured_ms, price.price_micros_per_second), held_micros)


def record_usage(  # noqa: PLR0913 -- they are the columns of the row
    *,
    workspace: Workspace,
    subject: str,
    offer: str,
    price: Price,
    measured_ms: int,
    hold: Hold,
    reported_ms: int | None = None,
    reported_cost_micros: int | None = None,
    videos: int = 1,
    generations: int = 0,
) -> Usage:
    """Charge ``min(measured, held)``, settle the hold, book what we owe the provider and what we write off.

    ``videos`` is as how many it counts; of ``generations`` each is a second of its price. ``measured_ms`` is of our
    own copy; what the provider reports is kept beside it, and its cost is what is booked unless it says nothing or 0.
    Idempotent by subject: a repeat returns the first row, one with other facts raises KeyConflict. Raises
    HoldAlreadyClosed when the hold was released. Runs inside the caller's transaction.
    """
    due = charge_micros(measured_ms, price.price_micros_per_second)
    amount = charge_of(measured_ms, price, hold.amount_micros)
    expected = charge_micros(measured_ms, price.cost_micros_per_second)
    usage = Usage(
        workspace=workspace,
        subject=subject,
        offer=offer,
        price=price,
        hold=hold,
        videos=videos,
        measured_ms=measured_ms,
        generations=generations,
        reported_ms=reported_ms,
        reported_cost_micros=reported_cost_micros,
        amount_micros=amount,
        write_off_micros=due - amount,
        cost_micros=max(reported_cost_micros or expected, 0),
    )
    _validate(usage)
    if before := _recorded_before(usage):
        return before
    try:
        with transaction.atomic():
            settle_hold(hold, amount, memo=_memo(usage))
            usage.save(force_insert=True)
            daily.count(usage, hold, usage.created_at)
            _book(usage)
    except IntegrityError:
        if before := _recorded_before(usage):
            return before
        raise
    return usage


def _memo(usage: Usage) -> str:
    price = usage.price.price_micros_per_second
    if usage.generations:
        count = "1 generation" if usage.generations == 1 else f"{usage.generations} generations"
        return f"{count} at {usd(price)}"
    seconds = f"{usage.measured_ms / 1000:.3f}".rstrip("0").rstrip(".")
    return f"{seconds} s at {usd_a_second(price)} a second"


def _validate(usage: Usage) -> None:
    if usage.measured_ms <= 0:
        raise ValueError(f"{usage.subject} measures {usage.measured_ms} ms; output without length is never charged.")
    if usage.hold.account.workspace_id != usage.workspace_id:
        raise ValueError(f"The hold {usage.hold.key} belongs to another workspace than {usage.subject}.")
    if usage.price.offer != usage.offer:
        raise ValueError(f"The price is of {usage.price.offer}, and {usage.subject} was made by {usage.offer}.")


def _recorded_before(usage: Usage) -> Usage | None:
    first = Usage.objects.filter(subject=usage.subject).first()
    compared = ("workspace_id", "offer", "price_id", "hold_id", "measured_ms")
    if first and any(getattr(first, name) != getattr(usage, name) for name in compared):
        raise KeyConflict(usage.subject, f"for {first.measured_ms} ms of {first.offer}")
    return first


def _book(usage: Usage) -> None:
    journal = uuid.uuid4()
    if usage.cost_micros:
        provider = usage.offer.split(":", 1)[0]
        posting.post(
            kind=TransferKind.PROVIDER_COST,
            debit=accounts.platform(accounts.PROVIDER_COST),
            credit=accounts.platform(f"provider_payable:{provider}"),
            amount_micros=usage.cost_micros,
            key=f"usage:{usage.subject}:cost",
            subject=usage.subject,
            journal=journal,
            memo="as reported" if usage.reported_cost_micros else "by the price book",
        )
    if usage.write_off_micros:
        # The whole output counts as sold, and what the hold did not cover as given away, so that both can be seen.
        posting.post(
            kind=TransferKind.WRITE_OFF,
            debit=accounts.platform(accounts.WRITE_OFF),
            credit=accounts.platform(accounts.REVENUE),
            amount_micros=usage.write_off_micros,
            key=f"usage:{usage.subject}:write_off",
            subject=usage.subject,
            journal=journal,
            memo="longer than what was held",
        )
        logger.warning("Wrote off %s of %s: longer than held", usd(usage.write_off_micros), usage.subject)


def reverse_charge(hold: Hold, *, reason: str, actor: User | None = None) -> bool:
    """Give the charge of a settled hold back, by one reversal for each lot that paid; False if it was before.

    Each lot gets what it paid, and what returns to one whose date has passed lapses at once. A part that was reversed
    by hand is back already; the rest follows it. The month's budgets, the day's usage and the hold say it, too; what is
    owed to the provider stays. Raises CannotReverse for a hold without a charge, or with one that was all reversed.
    """
    if not reason.strip():
        raise ValueError("The reason is empty; write why the charge is given back.")
    with raw.atomically() as sql:
        account = LedgerAccount.objects.select_for_update().get(pk=hold.account_id)  # first, as whoever settles does
        hold.refresh_from_db()
        if hold.returned_micros:
            return False
        charges = list(Transfer.objects.filter(hold=hold, kind=TransferKind.SETTLE).order_by("lot_id"))
        reversed_before = set(Transfer.objects.filter(reverses__in=charges).values_list("reverses_id", flat=True))
        left = [charge for charge in charges if charge.pk not in reversed_before]
        if not left:
            raise CannotReverse(f"{hold} has no charge left that could be given back.")
        journal, total = uuid.uuid4(), sum(charge.amount_micros for charge in charges)
        for charge in left:
            posting.mirror(charge, reason.strip(), actor, journal)
        Hold.objects.filter(pk=hold.pk).update(returned_micros=total)
        if account.capped:
            budgets.take_off(sql, hold, total)
        if usage := Usage.objects.filter(hold=hold).first():
            daily.take_off(usage, hold, total)
        lots.expire_lots_of(account.pk, timezone.now())
    hold.returned_micros = total
    return True
