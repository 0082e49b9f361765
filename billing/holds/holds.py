"""Holds: credit reserved for a subject, then settled up to its amount or released, once.

Each operation is one transaction (or a savepoint of the caller's) and safe to repeat and to race: conditional UPDATEs
decide, CHECKs stand behind them. Locks are taken in one order: account, lots by id, hold; a hold that is new is nobody
else's, and is written first.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import IntegrityError
from django.utils import timezone

from avatarsite.db import raw
from avatarsite.db.raw import Session
from avatarsite.queue import jobs
from avatarsite.workspaces.models import Workspace
from billing.budgets import budgets
from billing.budgets.budgets import BudgetFullError, Parties, budget_reached_error
from billing.errors import BudgetReached, HoldAlreadyClosed, InsufficientCredit, KeyConflict, WalletFrozen
from billing.holds import allocation
from billing.ledger import accounts, lots, transfers
from billing.ledger.transfers import Entry
from billing.models import Hold, HoldState, TransferKind
from billing.models.holds import HOLD_KEY_LENGTH
from billing.models.ledger import MEMO_LENGTH, SUBJECT_LENGTH
from billing.money import MAX_MICROS, usd

__all__ = [
    "BudgetReached",
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


def place_hold(  # noqa: PLR0913 -- the columns of the row
    workspace: Workspace,
    amount_micros: int,
    *,
    key: str,
    subject: str,
    deadline_at: datetime | None = None,
    budgets: Sequence[str] = (),
) -> Hold:
    """Place a hold: credit reserved from the lots in burn order. One of 0 moves nothing and is a hold like any other.

    ``budgets`` says for whom (``["project:prj_…", "member:12", "token:tok_…"]``); the monthly budgets of these and
    of the workspace bear on it. Once credit is taken, all others of the wallet wait for the commit. A repeat with the
    same key returns the first hold, as it now stands. Raises InsufficientCredit, WalletFrozen, BudgetReached, or
    KeyConflict when the key came with another workspace, amount or subject, or the subject has another open hold.
    """
    _validate(amount_micros, key, subject)
    parties = Parties.of(budgets)
    broken = 0
    for _ in range(TRIES):
        try:
            with raw.atomically() as sql:
                return _place(sql, workspace, amount_micros, key, subject, deadline_at, parties)
        except (_NotPlacedError, BudgetFullError, IntegrityError) as error:
            refusal = error
        if before := _placed_before(workspace, amount_micros, key, subject):
            return before
        if isinstance(refusal, BudgetFullError):
            raise budget_reached_error(workspace, refusal, amount_micros) from None
        broken = broken + 1 if isinstance(refusal, IntegrityError) else 0
        if broken > 1:
            raise refusal  # what a second look has not settled is no race
        available = _available(workspace)
        if available < amount_micros:
            break
    else:
        if isinstance(refusal, IntegrityError):
            raise refusal
    raise InsufficientCredit(needed_micros=amount_micros, available_micros=available)


def _validate(amount_micros: int, key: str, subject: str) -> None:
    if not 0 <= amount_micros <= MAX_MICROS:
        raise ValueError(f"The amount is {usd(amount_micros)}; a hold is of $0 to {usd(MAX_MICROS)}.")
    for name, value, limit in (("key", key, HOLD_KEY_LENGTH), ("subject", subject, SUBJECT_LENGTH)):
        if not 0 < len(value) <= limit:
            raise ValueError(f"The {name} has {len(value)} characters; use 1 to {limit}.")


def _place(  # noqa: PLR0913, PLR0917 -- the columns of the row
    sql: Session,
    workspace: Workspace,
    amount: int,
    key: str,
    subject: str,
    deadline_at: datetime | None,
    parties: Parties,
) -> Hold:
    code, now = accounts.wallet_code(workspace), timezone.now()
    whose = [parties.project, parties.member, parties.token]
    ((hold_id,),) = sql.run(_OPEN, [code, key, subject, amount, sql.stamp(deadline_at), *whose, sql.stamp(now)])
    reserved = sql.run(_RESERVE, [amount, code, amount])
    if not reserved:
        raise _NotPlacedError
    account_id, capped, left, mark = reserved[0]
    allocations = allocation.reserve(sql, account_id, amount, now) if amount else []
    if allocations is None:
        # Some of what the account has lapsed before a sweep came by.
        raise _NotPlacedError
    if capped and amount:
        budgets.reserve(sql, workspace, parties, amount, now, hold_id=hold_id)
    if allocations:
        values = ", ".join(["(%s, %s, %s)"] * len(allocations))
        sql.change(f"{_ALLOCATE} {values}", [value for part in allocations for value in (hold_id, *part)])
    if left < accounts.low_mark_of(mark) <= left + amount:  # this hold has brought it below
        jobs.enqueue("billing.check_low_balance", workspace_id=workspace.pk)
    row = [hold_id, account_id, key, subject, amount, HoldState.OPEN, None, 0, deadline_at, "", *whose, now, None]
    return Hold.from_db("default", _COLUMNS, row)


_COLUMNS = (
    *("id", "account_id", "key", "subject", "amount_micros", "state", "settled_micros", "returned_micros"),
    *("deadline_at", "note", "project", "member", "token", "created_at", "closed_at"),
)
_RESERVE = """
UPDATE billing_ledgeraccount SET held = held + %s
WHERE code = %s AND posted - held - floor >= %s AND frozen_at IS NULL
RETURNING id, capped, posted - held - floor, low_mark
"""
_OPEN = """
INSERT INTO billing_hold (
    account_id, key, subject, amount_micros, state, deadline_at, note, project, member, token, created_at
) VALUES (
    (SELECT id FROM billing_ledgeraccount WHERE code = %s), %s, %s, %s, 'open', %s, '', %s, %s, %s, %s
) RETURNING id
"""
_ALLOCATE = "INSERT INTO billing_holdlot (hold_id, lot_id, amount_micros) VALUES"


def _placed_before(workspace: Workspace, amount: int, key: str, subject: str) -> Hold | None:
    before = Hold.objects.select_related("account").filter(key=key).first()
    if before is None:
        if Hold.objects.filter(subject=subject, state=HoldState.OPEN).exists():
            raise KeyConflict(key, f"or rather its subject {subject} has an open hold under another key")
        return None
    first = (before.account.code, before.amount_micros, before.subject)
    if first != (accounts.wallet_code(workspace), amount, subject):
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
        with raw.atomically() as sql:
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
    allocations = allocation.allocations_of(sql, hold.pk, now)
    held = sum(part.amount for part in allocations)
    if amount > held:
        raise RuntimeError(f"The hold {hold.key} has lost lots that bear it; run manage.py verify_ledger.")
    charges = allocation.charges_of(allocations, amount)
    head = None
    if allocations:
        tail = transfers.CachedTail(allocations[0].tail_seq, allocations[0].tail_hash)
        head = transfers.update_balance(sql, hold.account_id, posted=-amount, held=-held, lines=len(charges), tail=tail)
        if head is None or not allocation.release(sql, allocations, charges):
            raise _NotOpenError
    if not sql.change(_CLOSE, [state, amount, note, sql.stamp(now), hold.pk]):
        raise _NotOpenError
    if head and head.capped:
        budgets.settle(sql, hold, amount)
    if charges:
        revenue_id = allocations[0].revenue_id or accounts.platform(accounts.REVENUE).pk
        transfers.insert_transfers(sql, _entries(hold, charges, revenue_id, note), head=head)
    if any(part.lapsed for part in allocations):
        lots.expire_lots_of(hold.account_id, now)


_CLOSE = """
UPDATE billing_hold SET state = %s, settled_micros = %s, note = %s, closed_at = %s WHERE id = %s AND state = 'open'
"""


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
            project=hold.project,
            member=hold.member,
            token=hold.token,
        )
        for lot_id, paid in charges.items()
    ]
