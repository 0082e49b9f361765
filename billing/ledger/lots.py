"""Lots of credit: granted or bought, and expired where they have a date."""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import IntegrityError
from django.db.models import F
from django.utils import timezone

from avatarsite.db import raw
from avatarsite.queue.sweeping import each
from avatarsite.workspaces.models import User, Workspace
from billing.errors import KeyConflict
from billing.ledger import accounts, transfers
from billing.ledger.transfers import Entry
from billing.models import CreditLot, LedgerAccount, LotCategory, Transfer, TransferKind
from billing.models.ledger import KEY_LENGTH, MEMO_LENGTH
from billing.money import MAX_MICROS, usd

logger = logging.getLogger(__name__)


def grant(  # noqa: PLR0913 -- they are the columns of the row
    workspace: Workspace,
    amount_micros: int,
    *,
    key: str,
    reason: str,
    actor: User | None = None,
    category: str = LotCategory.BONUS,
    expires_at: datetime | None = None,
) -> CreditLot:
    """Give credit from the platform's ``grants`` account.

    A repeat with the same key returns the first lot; with another amount, category, reason or date it's a KeyConflict.
    Raises ValueError with a sentence for an amount, a reason or a date that can't be.
    """
    return add_credit(
        workspace,
        amount_micros,
        source=accounts.platform(accounts.GRANTS),
        kind=TransferKind.GRANT,
        key=key,
        memo=reason,
        actor=actor,
        category=category,
        expires_at=expires_at,
    )


def add_credit(  # noqa: PLR0913 -- as grant
    workspace: Workspace,
    amount_micros: int,
    *,
    source: LedgerAccount,
    kind: str,
    key: str,
    memo: str,
    actor: User | None = None,
    category: str = LotCategory.PAID,
    expires_at: datetime | None = None,
    priority: int = 50,
    subject: str = "",
) -> CreditLot:
    """A new lot, filled by one transfer from the platform account ``source``. Idempotent by key."""
    account = accounts.wallet(workspace)
    lot = CreditLot(
        account=account,
        category=category,
        priority=priority,
        granted=amount_micros,
        remaining=amount_micros,
        effective_at=timezone.now(),
        expires_at=expires_at,
        source_key=key,
        memo=memo.strip(),
    )
    if before := _added_before(lot, source=source, kind=kind):
        return before
    _validate(lot)
    try:
        with raw.atomically() as sql:
            head = transfers.update_balance(sql, account.pk, posted=amount_micros, held=0, lines=1)
            lot.save(force_insert=True)
            actor_id = actor.pk if actor else None
            entry = Entry(
                kind,
                source.pk,
                account.pk,
                amount_micros,
                key,
                lot_id=lot.pk,
                subject=subject,
                memo=lot.memo,
                actor_id=actor_id,
            )
            transfers.insert_transfers(sql, [entry], head=head)
    except IntegrityError:
        # Somebody else was first with this key; anything else that the database refused is ours to know.
        if before := _added_before(lot, source=source, kind=kind):
            return before
        raise
    logger.info("%s to %s: %s (%s)", usd(amount_micros), account.code, lot.memo, key)
    return lot


def _added_before(lot: CreditLot, *, source: LedgerAccount, kind: str) -> CreditLot | None:
    first = Transfer.objects.select_related("lot").filter(key=lot.source_key).first()
    if not first:
        return None
    same = (first.kind, first.debit_id, first.credit_id) == (kind, source.pk, lot.account_id)
    compared = ("granted", "category", "expires_at", "priority", "memo")
    if not first.lot or not same or any(getattr(first.lot, name) != getattr(lot, name) for name in compared):
        raise KeyConflict(lot.source_key, f"for {usd(first.amount_micros)} ({first.memo or first.kind})")
    return first.lot


def _validate(lot: CreditLot) -> None:
    if not 0 < lot.granted <= MAX_MICROS:
        raise ValueError(f"The amount is {usd(lot.granted)}; credit is more than $0 and at most {usd(MAX_MICROS)}.")
    if not lot.memo or len(lot.memo) > MEMO_LENGTH:
        raise ValueError(f"The reason has {len(lot.memo)} characters; write 1 to {MEMO_LENGTH} on why.")
    if not lot.source_key or len(lot.source_key) > KEY_LENGTH:
        raise ValueError(f"The key has {len(lot.source_key)} characters; use 1 to {KEY_LENGTH}.")
    if lot.category not in LotCategory.values:
        raise ValueError(f"The category is {lot.category!r}; use one of {', '.join(LotCategory.values)}.")
    if lot.expires_at and lot.expires_at <= timezone.now():
        raise ValueError(f"The expiry {lot.expires_at:%Y-%m-%d %H:%M} has passed; choose a later one or none.")


def expire_lots(now: datetime | None = None) -> int:
    """Book what has lapsed by ``now``, and is not held, as breakage. How many lots that were. Safe to run any time."""
    now = now or timezone.now()
    due = CreditLot.objects.filter(expires_at__lte=now, remaining__gt=F("held"))
    # One transaction per wallet: a sweep of thousands must not lock out their owners.
    wallets = sorted(set(due.values_list("account_id", flat=True)))
    return sum(each(wallets, lambda pk: expire_lots_of(pk, now), "Booking the lapsed credit of a ledger account"))


def expire_lots_of(account_id: int, now: datetime) -> int:
    """As ``expire_lots``, for one wallet."""
    sql = raw.Session()
    if not sql.run(_LAPSED, [account_id, sql.stamp(now)]):
        return 0  # nearly always; and a hold that is refused then leaves the wallet to the others
    with raw.atomically() as sql:
        # The amounts are decided by reading, so the wallet is locked first.
        LedgerAccount.objects.select_for_update().only("pk").get(pk=account_id)
        lapsed = sql.run(_LAPSED, [account_id, sql.stamp(now)])
        if not lapsed:
            return 0
        breakage = accounts.platform(accounts.BREAKAGE)
        total = sum(amount for _, amount, _ in lapsed)
        head = transfers.update_balance(sql, account_id, posted=-total, held=0, lines=len(lapsed))
        if head is None:
            raise RuntimeError(f"Ledger account {account_id} holds less than its lots; run manage.py verify_ledger.")
        for lot_id, amount, _ in lapsed:
            sql.change("UPDATE billing_creditlot SET remaining = remaining - %s WHERE id = %s", [amount, lot_id])
        entries = [
            Entry(
                TransferKind.EXPIRE,
                account_id,
                breakage.pk,
                amount,
                # A lot can lapse in parts, as holds give back; the line's number tells them apart.
                f"expire:{account_id}:{head.seq + number}",
                lot_id=lot_id,
                memo=f"Unspent {category} credit ended",
            )
            for number, (lot_id, amount, category) in enumerate(lapsed, start=1)
        ]
        transfers.insert_transfers(sql, entries, head=head)
    return len(lapsed)


_LAPSED = """
SELECT id, remaining - held, category FROM billing_creditlot
WHERE account_id = %s AND remaining > held AND expires_at <= %s ORDER BY id
"""
