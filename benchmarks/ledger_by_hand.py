"""The least SQL that does what a hold and its settle do, through the bare driver.

It writes the same rows under the same conditions, so that the ledger still verifies; it needs no lookup, because it
knows every id beforehand, and answers no repeat, no refusal and no second lot.
"""

from __future__ import annotations

import sqlite3
import uuid
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection

from billing.ledger.hash_chain import Line, line_hash

RESERVE = """
UPDATE billing_ledgeraccount SET held = held + ?
WHERE id = ? AND posted - held - floor >= ? AND frozen_at IS NULL RETURNING id
"""
BOOK = "UPDATE billing_creditlot SET held = held + ? WHERE id = ? AND remaining - held >= ? RETURNING id"
OPEN = """
INSERT INTO billing_hold (account_id, key, subject, amount_micros, state, note, project, member, token, created_at)
VALUES (?, ?, ?, ?, 'open', '', '', '', '', ?) RETURNING id
"""
BEAR = "INSERT INTO billing_holdlot (hold_id, lot_id, amount_micros) VALUES (?, ?, ?) RETURNING id"
MOVE = """
UPDATE billing_ledgeraccount SET posted = posted - ?, held = held - ?, seq = seq + 1 WHERE id = ? RETURNING posted, seq
"""
LAST = "SELECT owner_hash FROM billing_transfer WHERE owner_id = ? AND owner_seq = ?"
DRAW = "UPDATE billing_creditlot SET held = held - ?, remaining = remaining - ? WHERE id = ? RETURNING id"
CLOSE = """
UPDATE billing_hold SET state = 'settled', settled_micros = ?, closed_at = ?, note = ?
WHERE id = ? AND state = 'open' RETURNING id
"""
WRITE = """
INSERT INTO billing_transfer (kind, debit_id, credit_id, amount_micros, key, journal, hold_id, lot_id, subject, memo,
    owner_id, owner_seq, owner_balance, owner_hash, created_at, project, member, token)
VALUES ('settle', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', '', '') RETURNING id
"""


@dataclass(frozen=True)
class Ids:
    account: int
    lot: int
    revenue: int


class Driver(ABC):
    """A bare connection. ``one`` runs a statement and gives its one row; ``run`` gives nothing."""

    begin: str

    @abstractmethod
    def run(self, sql: str) -> None: ...

    @abstractmethod
    def one(self, sql: str, *values: Any) -> Any: ...

    def stamp(self, moment: datetime) -> Any:
        return moment

    def identifier(self, value: uuid.UUID) -> Any:
        return value

    def pair(self, ids: Ids, *, held: int, settled: int, memo: str) -> None:
        key = uuid.uuid4().hex
        now = datetime.now(UTC)
        self.run(self.begin)
        self.one(RESERVE, held, ids.account, held)
        self.one(BOOK, held, ids.lot, held)
        (hold,) = self.one(OPEN, ids.account, key, f"render:{key}", held, self.stamp(now))
        self.one(BEAR, hold, ids.lot, held)
        self.run("COMMIT")
        self.run(self.begin)
        balance, seq = self.one(MOVE, settled, held, ids.account)
        (last,) = self.one(LAST, ids.account, seq - 1)
        self.one(DRAW, held, settled, ids.lot)
        self.one(CLOSE, settled, self.stamp(now), memo, hold)
        line = Line(
            owner_seq=seq,
            owner_balance=balance,
            kind="settle",
            debit_id=ids.account,
            credit_id=ids.revenue,
            amount_micros=settled,
            key=f"{key}:settle:{ids.lot}",
            journal=uuid.uuid4(),
            hold_id=hold,
            lot_id=ids.lot,
            reverses_id=None,
            subject=f"render:{key}",
            memo=memo,
            actor_id=None,
            created_at=now,
        )
        self._write(ids, line, line_hash(last, line))
        self.run("COMMIT")

    def _write(self, ids: Ids, line: Line, line_is: str) -> None:
        self.one(
            WRITE, ids.account, ids.revenue, line.amount_micros, line.key, self.identifier(line.journal), line.hold_id,
            ids.lot, line.subject, line.memo, ids.account, line.owner_seq, line.owner_balance, line_is,
            self.stamp(line.created_at),
        )  # fmt: skip


class BareSqlite(Driver):
    begin = "BEGIN IMMEDIATE"

    def __init__(self) -> None:
        database = settings.DATABASES["default"]
        self.connection = sqlite3.connect(database["NAME"], timeout=20, isolation_level=None)
        self.connection.executescript(database["OPTIONS"]["init_command"])
        self.connection.execute("PRAGMA foreign_keys = ON")

    def run(self, sql: str) -> None:
        self.connection.execute(sql)

    def one(self, sql: str, *values: Any) -> Any:
        return self.connection.execute(sql, values).fetchall()[0]

    def stamp(self, moment: datetime) -> Any:
        return str(moment.replace(tzinfo=None))

    def identifier(self, value: uuid.UUID) -> Any:
        return value.hex


class BarePostgres(Driver):
    begin = "BEGIN"

    def __init__(self) -> None:
        self.cursor = psycopg.connect(settings.DATABASE_URL, autocommit=True).cursor()

    def run(self, sql: str) -> None:
        self.cursor.execute(sql)

    def one(self, sql: str, *values: Any) -> Any:
        return self.cursor.execute(sql.replace("?", "%s"), values).fetchone()


def bare_driver() -> Driver:
    return BareSqlite() if connection.vendor == "sqlite" else BarePostgres()
