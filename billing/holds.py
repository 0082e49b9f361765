"""Credit set aside for a subject, then settled up to its amount or released, once.

Each operation is one transaction (or a savepoint of the caller's) and safe to repeat and to race: conditional UPDATEs
decide, CHECKs stand behind them. Locks are taken in one order: account, lots by id, hold.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from django.utils import timezone

from avatarsite.workspaces.models import Workspace
from billing import accounts, lines, lots, rows
from billing.errors import HoldAlreadyClosed, InsufficientCredit, KeyConflict, WalletFrozen
from billing.lines import Entry
from billing.models import Hold, HoldState, TransferKind
from billing.models.holds import HOLD_KEY_LENGTH
from billing.models.ledger import MEMO_LENGTH, SUBJECT_LENGTH
from billing.money import MAX_MICROS, usd
from billing.rows import Session

__all__ = [
    "HoldAlreadyClosed",
    "InsufficientCredit",
    "KeyConflict",
    "WalletFrozen",
    "place_hold",
    "release_hold",
    "settle_hold",
]
# A refusal is looked into and, when credit was freed in between, tried again: this often before it's final.
TRIES = 10


class _NotPlacedError(Exception):
    """Nothing was written; the reason is found by looking."""


class _NotOpenError(Exception):
    """Somebody else closed the hold first; nothing was written."""


def place_hold(
    workspace: Workspace, amount_micros: int, *, key: str, subject: str, deadline_at: datetime | None = None
) -> Hold:
    """Set credit aside from the lots in burn order. An amount of 0 moves nothing and is a hold like any other.

    A repeat with the same key returns the first hold, as it now stands. Raises InsufficientCredit, WalletFrozen, or
    KeyConflict when the key came with another workspace, amount or subject, or the subject has another open hold.
    """
    _refuse_nonsense(amount_micros, key, subject)
    for _ in range(TRIES):
        try:
            with rows.atomically() as sql:
                return _place(sql, workspace, amount_micros, key, subject, deadline_at)
        except _NotPlacedError:
            if before := _placed_before(workspace, amount_micros, key, subject):
                return before
            available = _available(workspace)
        if available < amount_micros:
            break
    raise InsufficientCredit(needed_micros=amount_micros, available_micros=available)


def _refuse_nonsense(amount_micros: int, key: str, subject: str) -> None:
    if not 0 <= amount_micros <= MAX_MICROS:
        raise ValueError(f"The amount is {usd(amount_micros)}; a hold is of $0 to {usd(MAX_MICROS)}.")
    for name, value, limit in (("key", key, HOLD_KEY_LENGTH), ("subject", subject, SUBJECT_LENGTH)):
        if not 0 < len(value) <= limit:
            raise ValueError(f"The {name} has {len(value)} characters; use 1 to {limit}.")


def _place(  # noqa: PLR0913, PLR0917 -- the columns of the row
    sql: Session, workspace: Workspace, amount: int, key: str, subject: str, deadline_at: datetime | None
) -> Hold:
    reserved = sql.run(_RESERVE, [amount, accounts.wallet_code(workspace), amount])
    if not reserved:
        raise _NotPlacedError
    account_id, now = reserved[0][0], timezone.now()
    stamp = sql.stamp(now)
    shares = _burn(sql, account_id, amount, stamp) if amount else []
    written = sql.run(_OPEN, [account_id, key, subject, amount, sql.stamp(deadline_at), stamp])
    if not written:
        raise _NotPlacedError
    hold_id = written[0][0]
    if shares:
        values = ", ".join(["(%s, %s, %s)"] * len(shares))
        sql.change(f"{_SHARE} {values}", [value for share in shares for value in (hold_id, *share)])
    names = ["id", "account_id", "key", "subject", "amount_micros", "state", "settled_micros", "deadline_at", "note"]
    values_of = [hold_id, account_id, key, subject, amount, HoldState.OPEN, None, deadline_at, ""]
    return Hold.from_db("default", [*names, "created_at", "closed_at"], [*values_of, now, None])


_RESERVE = """
UPDATE billing_ledgeraccount SET held = held + %s
WHERE code = %s AND posted - held - floor >= %s AND frozen_at IS NULL RETURNING id
"""
_OPEN = """
INSERT INTO billing_hold (account_id, key, subject, amount_micros, state, deadline_at, note, created_at)
VALUES (%s, %s, %s, %s, 'open', %s, '', %s) ON CONFLICT DO NOTHING RETURNING id
"""
_SHARE = "INSERT INTO billing_holdlot (hold_id, lot_id, amount_micros) VALUES"


def _burn(sql: Session, account_id: int, amount: int, stamp: Any) -> list[tuple[int, int]]:
    """Hold ``amount`` of the wallet's lots; which bear how much, in burn order.

    That order is priority, soonest expiry, bonus before paid, oldest. Nearly always the first lot bears all.
    """
    if first := sql.run(_BOOK_FIRST, [amount, account_id, stamp, amount]):
        return [(first[0][0], amount)]
    shares, missing = [], amount
    for lot_id, free in sql.run(_BURN_ORDER, [account_id, stamp]):
        share = min(free, missing)
        shares.append((lot_id, share))
        missing -= share
        if not missing:
            break
    if missing:
        # Some of what the account has lapsed before a sweep came by.
        raise _NotPlacedError
    for lot_id, share in sorted(shares):
        sql.change("UPDATE billing_creditlot SET held = held + %s WHERE id = %s", [share, lot_id])
    return shares


_BURN_ORDER = """
SELECT id, remaining - held FROM billing_creditlot
WHERE account_id = %s AND remaining > 0 AND remaining > held AND (expires_at IS NULL OR expires_at > %s)
ORDER BY priority, expires_at NULLS LAST, category, id
"""
_BOOK_FIRST = """
UPDATE billing_creditlot SET held = held + %s WHERE id = (
    SELECT id FROM billing_creditlot
    WHERE account_id = %s AND remaining > 0 AND remaining > held AND (expires_at IS NULL OR expires_at > %s)
    ORDER BY priority, expires_at NULLS LAST, category, id LIMIT 1
) AND remaining - held >= %s RETURNING id
"""


def _placed_before(workspace: Workspace, amount: int, key: str, subject: str) -> Hold | None:
    before = Hold.objects.select_related("account").filter(key=key).first()
    if before is None:
        if Hold.objects.filter(subject=subject, state=HoldState.OPEN).exists():
            raise KeyConflict(key, f"or rather its subject {subject} has an open hold under another key")
        return None
    told = (before.account.code, before.amount_micros, before.subject)
    if told != (accounts.wallet_code(workspace), amount, subject):
        raise KeyConflict(key, f"for {usd(before.amount_micros)} and {before.subject}")
    return before


def _available(workspace: Workspace) -> int:
    """What a hold could take, in micro-dollars, once what has lapsed is booked. Makes the wallet if there is none."""
    wallet = accounts.wallet(workspace)
    if wallet.frozen_at:
        raise WalletFrozen(wallet.frozen_reason)
    lots.expire_lots_of(wallet.pk, timezone.now())
    return accounts.balance(workspace).available_micros


def settle_hold(hold: Hold, amount_micros: int, *, memo: str = "") -> Hold:
    """Charge up to the hold's amount, one transfer for each lot that pays, and give the rest back to its lots.

    A repeat returns the hold as settled; one with another amount raises KeyConflict, and a released hold
    HoldAlreadyClosed. What is given back to a lot that has lapsed meanwhile lapses in the same transaction.
    """
    if not 0 <= amount_micros <= hold.amount_micros:
        raise ValueError(f"{usd(amount_micros)} can't be settled: the hold is of {usd(hold.amount_micros)}.")
    closed = _close(hold, HoldState.SETTLED, amount_micros, memo)
    if closed.settled_micros != amount_micros:
        raise KeyConflict(hold.key, f"to settle {usd(closed.settled_micros or 0)}")
    return closed


def release_hold(hold: Hold, *, reason: str) -> Hold:
    """Give everything back to the lots that it came from.

    A repeat changes nothing; a settled hold raises HoldAlreadyClosed. What has lapsed meanwhile lapses here too.
    """
    return _close(hold, HoldState.RELEASED, 0, reason)


def _close(hold: Hold, state: HoldState, amount: int, note: str) -> Hold:
    if len(note) > MEMO_LENGTH:
        raise ValueError(f"The note has {len(note)} characters; use at most {MEMO_LENGTH}.")
    now = timezone.now()
    try:
        with rows.atomically() as sql:
            _close_once(sql, hold, state, amount, note, now)
    except _NotOpenError:
        hold.refresh_from_db()
        if hold.state != state:
            raise HoldAlreadyClosed(hold.key, hold.state, hold.settled_micros or 0) from None
        return hold
    hold.state, hold.settled_micros, hold.note, hold.closed_at = state, amount, note, now
    return hold


def _close_once(  # noqa: PLR0913, PLR0917 -- the columns of the row
    sql: Session, hold: Hold, state: str, amount: int, note: str, now: datetime
) -> None:
    # The hold's state in memory proves nothing: its transaction may have been rolled back, or another may have closed
    # it. So the account is moved first, for the lock, and the UPDATE of the hold decides.
    stamp = sql.stamp(now)
    shares = [_Share(*row) for row in sql.run(_SHARES, [stamp, hold.pk])]
    held = sum(share.amount for share in shares)
    if amount > held:
        raise RuntimeError(f"The hold {hold.key} is of less than its lots bear; run manage.py verify_ledger.")
    charges = _charges(shares, amount)
    head = None
    if shares:
        tail = lines.Tail(shares[0].tail_seq, shares[0].tail_hash)
        head = lines.move(sql, hold.account_id, posted=-amount, held=-held, lines=len(charges), tail=tail)
        if head is None:
            raise _NotOpenError
    for share in sorted(shares, key=lambda share: share.lot_id):
        charge = charges.get(share.lot_id, 0)
        if not sql.change(_GIVE_BACK, [share.amount, charge, share.lot_id, share.amount]):
            raise _NotOpenError
    if not sql.change(_CLOSE, [state, amount, note, stamp, hold.pk]):
        raise _NotOpenError
    if charges:
        revenue_id = shares[0].revenue_id or accounts.platform(accounts.REVENUE).pk
        lines.append(sql, _entries(hold, charges, revenue_id, note), head=head)
    if any(share.lapsed for share in shares):
        lots.expire_lots_of(hold.account_id, now)


class _Share(NamedTuple):
    """What a lot bears of the hold; and beside it, to spare questions, what the settle will need to know."""

    lot_id: int
    amount: int
    lapsed: bool
    tail_seq: int
    tail_hash: str
    revenue_id: int | None


_SHARES = """
SELECT s.lot_id, s.amount_micros, l.expires_at IS NOT NULL AND l.expires_at <= %s, a.seq,
       COALESCE((SELECT owner_hash FROM billing_transfer WHERE owner_id = a.id AND owner_seq = a.seq), ''),
       (SELECT id FROM billing_ledgeraccount WHERE code = 'revenue')
FROM billing_holdlot s JOIN billing_creditlot l ON l.id = s.lot_id JOIN billing_ledgeraccount a ON a.id = l.account_id
WHERE s.hold_id = %s ORDER BY s.id
"""
_GIVE_BACK = """
UPDATE billing_creditlot SET held = held - %s, remaining = remaining - %s WHERE id = %s AND held >= %s
"""
_CLOSE = """
UPDATE billing_hold SET state = %s, settled_micros = %s, note = %s, closed_at = %s WHERE id = %s AND state = 'open'
"""


def _charges(shares: list[_Share], amount: int) -> dict[int, int]:
    """Which lot pays how much of ``amount``: those that burn first pay first."""
    charges: dict[int, int] = {}
    for share in shares:
        paid = min(share.amount, amount)
        amount -= paid
        if paid:
            charges[share.lot_id] = paid
    return charges


def _entries(hold: Hold, charges: dict[int, int], revenue_id: int, memo: str) -> list[Entry]:
    return [
        Entry(
            TransferKind.SETTLE,
            hold.account_id,
            revenue_id,
            paid,
            f"{hold.key}:settle:{lot_id}",
            hold_id=hold.pk,
            lot_id=lot_id,
            subject=hold.subject,
            memo=memo,
        )
        for lot_id, paid in charges.items()
    ]
