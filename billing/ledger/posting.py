"""Posting and reversal of transfers: the ledger's face. ``transfers`` alone inserts them."""

from __future__ import annotations

import uuid

from django.db import IntegrityError, transaction
from django.utils import timezone

from avatarsite.db import raw
from avatarsite.db.raw import Session
from avatarsite.workspaces.models import User
from billing.errors import CannotReverse, InsufficientCredit, KeyConflict
from billing.ledger import lots, transfers
from billing.ledger.accounts import Balance, balance, freeze, platform, unfreeze, wallet
from billing.ledger.lots import add_credit, expire_lots, grant
from billing.ledger.transfers import Entry
from billing.models import CreditLot, Hold, LedgerAccount, LotCategory, Transfer, TransferKind
from billing.models.ledger import KEY_LENGTH, MEMO_LENGTH, SUBJECT_LENGTH
from billing.money import MAX_MICROS, usd

__all__ = [
    "BONUS",
    "PAID",
    "Balance",
    "CannotReverse",
    "InsufficientCredit",
    "KeyConflict",
    "add_credit",
    "balance",
    "expire_lots",
    "freeze",
    "grant",
    "platform",
    "post",
    "reverse",
    "unfreeze",
    "wallet",
]
BONUS, PAID = LotCategory.BONUS, LotCategory.PAID


def post(  # noqa: PLR0913 -- they are the columns of the row
    *,
    kind: str,
    debit: LedgerAccount,
    credit: LedgerAccount,
    amount_micros: int,
    key: str,
    memo: str = "",
    subject: str = "",
    hold: Hold | None = None,
    lot: CreditLot | None = None,
    reverses: Transfer | None = None,
    actor: User | None = None,
    journal: uuid.UUID | None = None,
) -> Transfer:
    """Move micro-dollars from ``debit`` to ``credit``: a wallet gains by a credit and pays by a debit.

    With a wallet on one side, ``lot`` says which credit grows or shrinks with it. Idempotent by key: a repeat returns
    the first transfer, and one with other arguments (actor and journal aside) raises KeyConflict. Raises
    InsufficientCredit when the wallet or the lot has less that is free, ValueError when the arguments make no sense.
    """
    entry = Entry(
        kind,
        debit.pk,
        credit.pk,
        amount_micros,
        key,
        hold_id=hold.pk if hold else None,
        lot_id=lot.pk if lot else None,
        reverses_id=reverses.pk if reverses else None,
        subject=subject,
        memo=memo,
        actor_id=actor.pk if actor else None,
        project=hold.project if hold else "",
        member=hold.member if hold else "",
        token=hold.token if hold else "",
    )
    _validate(entry, debit, credit)
    owner = next((account for account in (debit, credit) if account.tracked), None)
    try:
        with raw.atomically() as sql:
            head = _move(sql, entry, owner) if owner else None
            # Before the lot, so that a repeat is known as one before what it would do is judged.
            (pk,) = transfers.insert_transfers(sql, [entry], head=head, journal=journal)
            if owner:
                _fill(sql, entry, owner)
    except (IntegrityError, InsufficientCredit):
        if before := _posted_before(entry):
            return before
        raise
    return Transfer.objects.get(pk=pk)


def _change(entry: Entry, owner: LedgerAccount) -> int:
    return entry.amount_micros if entry.credit_id == owner.pk else -entry.amount_micros


def _move(sql: Session, entry: Entry, owner: LedgerAccount) -> transfers.ChainHead:
    head = transfers.update_balance(sql, owner.pk, posted=_change(entry, owner), held=0, lines=1)
    if head is None:
        owner.refresh_from_db()
        free = owner.posted - owner.held - owner.floor
        raise InsufficientCredit(needed_micros=entry.amount_micros, available_micros=free)
    return head


def _fill(sql: Session, entry: Entry, owner: LedgerAccount) -> None:
    change = _change(entry, owner)
    if sql.change(_FILL, [change, entry.lot_id, owner.pk, change, change]):
        return
    lot = CreditLot.objects.get(id=entry.lot_id or 0)
    if lot.account_id != owner.pk:
        raise ValueError(f"{lot} is not credit of {owner}.")
    if change > 0:
        raise ValueError(f"{lot} has {usd(lot.remaining)} of {usd(lot.granted)} left: {usd(change)} more won't fit.")
    raise InsufficientCredit(needed_micros=-change, available_micros=lot.remaining - lot.held)


_FILL = """
UPDATE billing_creditlot SET remaining = remaining + %s
WHERE id = %s AND account_id = %s AND remaining + %s >= held AND remaining + %s <= granted
"""


def _posted_before(entry: Entry) -> Transfer | None:
    first = Transfer.objects.filter(key=entry.key).first()
    compared = [name for name in Entry._fields if name != "actor_id"]
    if first and any(getattr(first, name) != getattr(entry, name) for name in compared):
        raise KeyConflict(entry.key, f"for {usd(first.amount_micros)} ({first.memo or first.kind})")
    return first


def _validate(entry: Entry, debit: LedgerAccount, credit: LedgerAccount) -> None:
    if not 0 < entry.amount_micros <= MAX_MICROS:
        raise ValueError(f"The amount is {usd(entry.amount_micros)}; a transfer moves $0.000001 to {usd(MAX_MICROS)}.")
    if debit.pk == credit.pk or (debit.tracked and credit.tracked):
        raise ValueError(f"{debit} to {credit}: a transfer goes between two accounts of which one is the platform's.")
    if (debit.tracked or credit.tracked) and entry.lot_id is None:
        raise ValueError("A transfer from or to a wallet names the lot of credit that it drains or fills.")
    if entry.kind not in TransferKind.values:
        raise ValueError(f"The kind is {entry.kind!r}; use one of {', '.join(TransferKind.values)}.")
    for name, limit in (("key", KEY_LENGTH), ("memo", MEMO_LENGTH), ("subject", SUBJECT_LENGTH)):
        if len(getattr(entry, name)) > limit or (name == "key" and not entry.key):
            raise ValueError(f"The {name} has {len(getattr(entry, name))} characters; use at most {limit}.")


# What came of nothing, or went by the calendar, is not put right by turning it round.
_NOT_REVERSED = {
    TransferKind.REVERSAL: "it is a reversal itself; post what is right instead",
    TransferKind.EXPIRE: "what lapsed stays lapsed; grant credit instead",
}


def reverse(transfer: Transfer, *, reason: str, actor: User | None = None) -> Transfer:
    """Take a transfer back by a new one that names it; the old one stays. A transfer is reversed at most once.

    A charge goes back to the lot that paid it, and lapses at once if that lot's date has passed. Raises CannotReverse,
    or InsufficientCredit when what was granted is spent or held by now.
    """
    if not reason.strip():
        raise ValueError("The reason is empty; write why this is corrected.")
    if transfer.kind in _NOT_REVERSED:
        raise CannotReverse(f"{transfer} can't be reversed: {_NOT_REVERSED[TransferKind(transfer.kind)]}.")
    with transaction.atomic():
        reversal = mirror(transfer, reason.strip(), actor, uuid.uuid4())
        if reversal.owner_id and reversal.owner_id == reversal.credit_id:
            lots.expire_lots_of(reversal.owner_id, timezone.now())
    return reversal


def mirror(transfer: Transfer, memo: str, actor: User | None, journal: uuid.UUID) -> Transfer:
    """Post the reversal of a transfer; whoever calls lets lapse what returned to a lot whose date has passed."""
    return post(
        kind=TransferKind.REVERSAL,
        debit=transfer.credit,
        credit=transfer.debit,
        amount_micros=transfer.amount_micros,
        key=f"reverse:{transfer.pk}",
        memo=memo,
        subject=transfer.subject,
        hold=transfer.hold,
        lot=transfer.lot,
        reverses=transfer,
        actor=actor,
        journal=journal,
    )
