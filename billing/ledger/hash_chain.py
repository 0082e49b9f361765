"""The hash that chains each line of a wallet to the line before, so that a later change to either shows."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

# What a wallet's first line is chained to.
GENESIS = ""
_written = json.JSONEncoder(separators=(",", ":")).encode


class Line(NamedTuple):
    """All that a line says. Amounts are micro-dollars; ids are the database's."""

    owner_seq: int
    owner_balance: int
    kind: str
    debit_id: int
    credit_id: int
    amount_micros: int
    key: str
    journal: UUID
    hold_id: int | None
    lot_id: int | None
    reverses_id: int | None
    subject: str
    memo: str
    actor_id: int | None
    created_at: datetime
    project: str = ""
    member: str = ""
    token: str = ""


def line_hash(previous: str, line: Line) -> str:
    """SHA-256, in hex, over the hash of the line before and everything that this line says."""
    return hashlib.sha256(_written([previous, *_content(line)]).encode()).hexdigest()


def sealed_text(line: Line) -> str:
    """What a line's hash is over, but for the hash before: a JSON list in ASCII, to which that is put in front."""
    return _written(_content(line))


def _content(line: Line) -> list[object]:
    content: list[object] = [
        line.owner_seq,
        line.owner_balance,
        line.kind,
        line.debit_id,
        line.credit_id,
        line.amount_micros,
        line.key,
        line.journal.hex,
        line.hold_id,
        line.lot_id,
        line.reverses_id,
        line.subject,
        line.memo,
        line.actor_id,
        line.created_at.astimezone(UTC).isoformat(timespec="microseconds"),
    ]
    if line.project or line.member or line.token:
        # Only where there are any, so that the hashes of lines from before there were any stay right.
        content += [line.project, line.member, line.token]
    return content
