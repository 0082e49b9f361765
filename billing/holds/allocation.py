"""Allocation of a hold to lots in burn order: priority, soonest expiry, bonus before paid, oldest.

Whoever calls has moved the wallet's account before, and so owns its lots.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from avatarsite.db.raw import Session


def reserve(sql: Session, account_id: int, amount: int, now: datetime) -> list[tuple[int, int]] | None:
    """Reserve ``amount`` micro-dollars of the wallet's lots: the allocation as (lot, micro-dollars), in burn order.

    Nearly always the first bears all. None when what has not lapsed by ``now`` is too little; the caller's savepoint
    then takes back what was written.
    """
    if found := sql.run(_RESERVE_FIRST_LOT, [amount, account_id, sql.stamp(now), amount]):
        return [(found[0][0], amount)]
    allocations, missing = [], amount
    for lot_id, free in sql.run(_BURN_ORDER, [account_id, sql.stamp(now)]):
        share = min(free, missing)
        allocations.append((lot_id, share))
        missing -= share
        if not missing:
            break
    for lot_id, share in sorted(allocations):
        sql.change("UPDATE billing_creditlot SET held = held + %s WHERE id = %s", [share, lot_id])
    return None if missing else allocations


_RESERVE_FIRST_LOT = """
UPDATE billing_creditlot SET held = held + %s WHERE id = (
    SELECT id FROM billing_creditlot
    WHERE account_id = %s AND remaining > 0 AND remaining > held AND (expires_at IS NULL OR expires_at > %s)
    ORDER BY priority, expires_at NULLS LAST, category, id LIMIT 1
) AND remaining - held >= %s RETURNING id
"""
_BURN_ORDER = """
SELECT id, remaining - held FROM billing_creditlot
WHERE account_id = %s AND remaining > 0 AND remaining > held AND (expires_at IS NULL OR expires_at > %s)
ORDER BY priority, expires_at NULLS LAST, category, id
"""


class Allocation(NamedTuple):
    """A lot's part of a hold; and beside it, to spare queries, what a settle will need to know."""

    lot_id: int
    amount: int
    lapsed: bool
    tail_seq: int
    tail_hash: str
    revenue_id: int | None


def allocations_of(sql: Session, hold_id: int, now: datetime) -> list[Allocation]:
    """In burn order, and the same for ever, so that no lock is needed to read them."""
    return [Allocation(*row) for row in sql.run(_ALLOCATIONS, [sql.stamp(now), hold_id])]


_ALLOCATIONS = """
SELECT s.lot_id, s.amount_micros, l.expires_at IS NOT NULL AND l.expires_at <= %s, a.seq,
       COALESCE((SELECT owner_hash FROM billing_transfer WHERE owner_id = a.id AND owner_seq = a.seq), ''),
       (SELECT id FROM billing_ledgeraccount WHERE code = 'revenue')
FROM billing_holdlot s JOIN billing_creditlot l ON l.id = s.lot_id JOIN billing_ledgeraccount a ON a.id = l.account_id
WHERE s.hold_id = %s ORDER BY s.id
"""


def charges_of(allocations: list[Allocation], amount: int) -> dict[int, int]:
    """Which lot pays how many micro-dollars of ``amount``: those that burn first pay first."""
    charges: dict[int, int] = {}
    for part in allocations:
        paid = min(part.amount, amount)
        amount -= paid
        if paid:
            charges[part.lot_id] = paid
    return charges


def release(sql: Session, allocations: list[Allocation], charges: dict[int, int]) -> bool:
    """Release what the lots bore and take the charges out of them. False when one bears it no more: it was closed."""
    for part in sorted(allocations, key=lambda part: part.lot_id):
        charge = charges.get(part.lot_id, 0)
        if not sql.change(_RELEASE, [part.amount, charge, part.lot_id, part.amount]):
            return False
    return True


_RELEASE = """
UPDATE billing_creditlot SET held = held - %s, remaining = remaining - %s WHERE id = %s AND held >= %s
"""
