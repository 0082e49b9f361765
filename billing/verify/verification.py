"""Verification of the ledger: everything that it claims is recomputed, and sentences say where it's wrong.

Each rule is one query for the rows that break it; the chain of each wallet's lines is walked line by line. Nothing is
written, and all is read from one snapshot, so it can run beside a live site.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import groupby

from django.db import connection

from avatarsite.alerts import close_alert, open_alerts, raise_alert
from avatarsite.db import append_only, raw
from avatarsite.db.raw import Session
from avatarsite.desk import Waiting
from avatarsite.models import Alert
from avatarsite.queue.sweeping import contained
from billing.ledger.hash_chain import GENESIS, Line, line_hash
from billing.models import Transfer
from billing.models.ledger import APPEND_ONLY
from billing.money import usd
from billing.verify.ledger_rules import RULES, Rule
from billing.verify.stripe_rules import STRIPE


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: ``code`` names the rule that is broken, ``sentence`` tells an operator where and how."""

    code: str
    sentence: str


UNCHECKED = "not_checked"
ALERT = "ledger"
MAX_SENTENCES = 20
Check = Callable[[], Iterable[Finding]]
_registered: list[Check] = []


def register_check(check: Check) -> Check:
    """Let another app's rule be part of every verification; usable as a decorator, once per function."""
    if check not in _registered:
        _registered.append(check)
    return check


def verify(extra_checks: Iterable[Check] = ()) -> list[Finding]:
    """All findings of the ledger's own rules, of registered checks and of ``extra_checks``; [] when all is well.

    A check that can't be made is a finding, too, and keeps none of the others from being made.
    """
    findings: list[Finding] = []

    def tell(_what: str, thing: object, error: Exception) -> None:
        findings.append(Finding(UNCHECKED, f"The check {thing} could not be made: {type(error).__name__}: {error}"))

    with snapshot() as sql:
        own: dict[str, Check] = {rule.code: partial(_broken, sql, rule) for rule in (*RULES, *STRIPE)}
        own |= {"chains": partial(_chains, sql), "append_only": _unsealed}
        for name, check in (*own.items(), *((each.__name__, each) for each in (*_registered, *extra_checks))):
            with contained("verify", name, tell):
                findings += check()
    return findings


def verify_nightly() -> int:
    """Verify, and raise an alert for each rule that is broken; close those that are whole again. How many findings."""
    findings = sorted(verify(), key=lambda finding: finding.code)
    broken = set()
    for code, group in groupby(findings, key=lambda finding: finding.code):
        sentences = [finding.sentence for finding in group]
        more = f" There are {len(sentences) - 1} more of this kind." if len(sentences) > 1 else ""
        raise_alert(ALERT, code, sentences[0] + more, findings=len(sentences), sentences=sentences[:MAX_SENTENCES])
        broken.add(code)
    whole = Alert.objects.filter(kind=ALERT, closed_at=None).exclude(key__in=broken)
    for code in whole.values_list("key", flat=True):
        close_alert(ALERT, code)
    return len(findings)


def waiting_findings() -> Waiting:
    """For the first page of the admin site: the rules that were broken when they were last looked at."""
    return open_alerts(kind=ALERT)


@contextmanager
def snapshot() -> Iterator[Session]:
    """One view of the database for all queries, without standing in anybody's way."""
    if connection.in_atomic_block:
        yield raw.Session()
        return
    mode = getattr(connection, "transaction_mode", None)
    if connection.vendor == "sqlite":
        # In WAL mode a deferred transaction that only reads has its snapshot and takes no lock.
        connection.transaction_mode = "DEFERRED"  # type: ignore[attr-defined]
    try:
        with raw.atomically() as sql:
            if connection.vendor == "postgresql":
                sql.change("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield sql
    finally:
        if connection.vendor == "sqlite":
            connection.transaction_mode = mode  # type: ignore[attr-defined]


def _broken(sql: Session, rule: Rule) -> Iterator[Finding]:
    for row in sql.run(rule.query):
        values = [usd(int(value)) if name in rule.money else value for name, value in enumerate(row)]
        yield Finding(rule.code, rule.sentence.format(*values))


def _unsealed() -> Iterator[Finding]:
    for trigger in append_only.missing(connection, APPEND_ONLY):
        yield Finding("append_only_missing", f"The trigger {trigger} is gone: history could be edited unseen.")


_COLUMNS = Line._fields


def _chains(sql: Session) -> Iterator[Finding]:
    """Every wallet's lines are numbered without a gap, each balance follows from the one before, each hash fits."""
    wallets = {pk: (code, seq) for pk, code, seq in sql.run(_HEADS)}
    lines = (
        Transfer.objects.filter(owner__isnull=False)
        .order_by("owner_id", "owner_seq", "id")
        .values_list("owner_id", "owner_hash", *_COLUMNS)
        .iterator(chunk_size=5_000)
    )
    walk = Walk(0, "")
    ends: dict[int, int] = {}
    for owner_id, stored, *values in lines:
        if owner_id != walk.owner_id:
            walk = Walk(owner_id, wallets[owner_id][0] if owner_id in wallets else f"account {owner_id}")
        yield from walk.step(stored, Line(*values))
        ends[owner_id] = walk.seq
    for owner_id, (code, seq) in wallets.items():
        end = ends.get(owner_id, 0)
        if seq != end:
            yield Finding("chain_end", f"{code} counts {seq} lines, and the last one there is number {end}.")


_HEADS = "SELECT id, code, seq FROM billing_ledgeraccount WHERE tracked"


@dataclass(slots=True)
class Walk:
    """Where the walk along one wallet's chain has come to."""

    owner_id: int
    code: str
    seq: int = 0
    balance: int = 0
    hash: str = GENESIS

    def step(self, stored: str, line: Line) -> Iterator[Finding]:
        where = f"{self.code}, line {line.owner_seq}"
        if line.owner_seq == self.seq:
            yield Finding("chain_number_twice", f"{where}: there are two lines of this number.")
        elif line.owner_seq != self.seq + 1:
            yield Finding("chain_gap", f"{where}: the line before is number {self.seq}, so a line is missing.")
        else:
            # After a gap these two would only repeat the finding.
            yield from self._follow(where, stored, line)
        self.seq, self.balance, self.hash = line.owner_seq, line.owner_balance, stored

    def _follow(self, where: str, stored: str, line: Line) -> Iterator[Finding]:
        change = line.amount_micros if line.credit_id == self.owner_id else -line.amount_micros
        if self.balance + change != line.owner_balance:
            yield Finding(
                "chain_balance",
                f"{where}: {usd(self.balance)} and {usd(change)} make {usd(self.balance + change)}, "
                f"and it says {usd(line.owner_balance)}.",
            )
        if line_hash(self.hash, line) != stored:
            yield Finding("chain_hash", f"{where}: its hash does not fit; this line or the one before was changed.")
