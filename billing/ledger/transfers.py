"""Transfers, as they are written: the one INSERT of them, and the one UPDATE of a wallet's posted balance.

Lock order, always: account, then its lots by id, then the hold. Whoever has moved the account owns its row until the
transaction ends, so that the number, the balance and the hash of the next line can't be taken twice.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import NamedTuple

from django.utils import timezone

from avatarsite.db.raw import Session
from billing.ledger.hash_chain import GENESIS, Line, line_hash


class Entry(NamedTuple):
    """A transfer to be written; amounts in micro-dollars."""

    kind: str
    debit_id: int
    credit_id: int
    amount_micros: int
    key: str
    hold_id: int | None = None
    lot_id: int | None = None
    reverses_id: int | None = None
    subject: str = ""
    memo: str = ""
    actor_id: int | None = None
    project: str = ""
    member: str = ""
    token: str = ""


class ChainHead(NamedTuple):
    """The head of a wallet's hash chain, before the lines that are about to be written."""

    account_id: int
    seq: int
    balance: int
    hash: str
    capped: bool


class CachedTail(NamedTuple):
    """A wallet's newest line as it was read without a lock: its hash stays right, that it is newest may not."""

    seq: int
    hash: str


def update_balance(  # noqa: PLR0913 -- one UPDATE, and what spares a query
    sql: Session, account_id: int, *, posted: int, held: int, lines: int, tail: CachedTail | None = None
) -> ChainHead | None:
    """Change a wallet's posted and held micro-dollars at once and reserve numbers for its next lines.

    None, and nothing changed, when the wallet would be overdrawn. ``tail`` saves a query where it is still the newest.
    """
    found = sql.run(_UPDATE_BALANCE, [posted, held, lines, account_id, posted, held, held])
    if not found:
        return None
    balance_after, seq_after, capped = found[0]
    before = seq_after - lines
    last = tail.hash if tail and tail.seq == before else _hash_of(sql, account_id, before) if lines else GENESIS
    return ChainHead(account_id, before, balance_after - posted, last, bool(capped))


def _hash_of(sql: Session, account_id: int, seq: int) -> str:
    found = sql.run(_HASH, [account_id, seq])
    return str(found[0][0]) if found else GENESIS


_HASH = "SELECT owner_hash FROM billing_transfer WHERE owner_id = %s AND owner_seq = %s"
_UPDATE_BALANCE = """
UPDATE billing_ledgeraccount SET posted = posted + %s, held = held + %s, seq = seq + %s
WHERE id = %s AND tracked AND posted + %s >= held + %s + floor AND held + %s >= 0
RETURNING posted, seq, capped
"""


def insert_transfers(
    sql: Session, entries: Sequence[Entry], *, head: ChainHead | None, journal: uuid.UUID | None = None
) -> list[int]:
    """Write the transfers, as the next lines of the wallet at ``head`` or, without one, between platform accounts.

    Raises IntegrityError for a key that was used; the caller's savepoint then takes back whatever it did.
    """
    journal = journal or uuid.uuid4()
    now = timezone.now()
    stamp, identifier = sql.stamp(now), sql.identifier(journal)
    balance, seq, last = (head.balance, head.seq, head.hash) if head else (0, 0, "")
    parameters: list[object] = []
    for entry in entries:
        chained: list[object] = [None, None, None, ""]
        if head:
            balance += entry.amount_micros if entry.credit_id == head.account_id else -entry.amount_micros
            seq += 1
            line = Line(
                owner_seq=seq,
                owner_balance=balance,
                kind=entry.kind,
                debit_id=entry.debit_id,
                credit_id=entry.credit_id,
                amount_micros=entry.amount_micros,
                key=entry.key,
                journal=journal,
                hold_id=entry.hold_id,
                lot_id=entry.lot_id,
                reverses_id=entry.reverses_id,
                subject=entry.subject,
                memo=entry.memo,
                actor_id=entry.actor_id,
                created_at=now,
                project=entry.project,
                member=entry.member,
                token=entry.token,
            )
            last = line_hash(last, line)
            chained = [head.account_id, seq, balance, last]
        parameters += [
            entry.kind, entry.debit_id, entry.credit_id, entry.amount_micros, entry.key, identifier, entry.hold_id,
            entry.lot_id, entry.reverses_id, entry.subject, entry.memo, entry.actor_id, *chained, stamp,
            entry.project, entry.member, entry.token,
        ]  # fmt: skip
    return [
        row[0] for row in sql.run(f"{_INSERT} VALUES {', '.join([_VALUES] * len(entries))} RETURNING id", parameters)
    ]


_INSERT = """
INSERT INTO billing_transfer (
    kind, debit_id, credit_id, amount_micros, key, journal, hold_id, lot_id, reverses_id, subject, memo, actor_id,
    owner_id, owner_seq, owner_balance, owner_hash, created_at, project, member, token
)"""
_VALUES = "(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
