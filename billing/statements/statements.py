"""Statements: movements with their cause, and what is on hold. Every page costs the same, however long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby, islice

from avatarsite.workspaces.models import Workspace
from billing.ledger.accounts import wallet_code
from billing.models import CreditLot, Hold, HoldState, LedgerAccount, Transfer, TransferKind

PAGE_SIZE = 50
MARKS = 64
NO_END = 2**62


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One movement of the wallet. ``amount_micros`` is positive for credit that came in.

    A charge that several lots paid is one line, so ``transfers`` may have several ids. ``seq`` is the number to ask
    for the older lines with: ``statement(workspace, before=line.seq)``.
    """

    seq: int
    at: datetime
    kind: str
    label: str
    memo: str
    amount_micros: int
    balance_after_micros: int
    subject: str
    transfers: tuple[int, ...]
    project: str = ""
    member: str = ""
    token: str = ""
    hash: str = ""

    @property
    def number(self) -> str:
        """``7``, or ``7–8`` for a charge that two lots paid."""
        last = self.seq + len(self.transfers) - 1
        return str(self.seq) if last == self.seq else f"{self.seq}–{last}"


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Which lines of a statement are asked for: from a day to a day, in UTC and both included, and for whom."""

    since: date | None = None
    until: date | None = None
    project: str = ""
    member: str = ""
    token: str = ""

    @property
    def parties(self) -> dict[str, str]:
        named = {"project": self.project, "member": self.member, "token": self.token}
        return {name: value for name, value in named.items() if value}

    def __bool__(self) -> bool:
        return bool(self.since or self.until or self.parties)


@dataclass(frozen=True, slots=True)
class Span:
    """Lines ``after`` < number < ``before`` of a wallet, and its balance on either side. Amounts are micro-dollars."""

    wallet_id: int | None
    after: int
    before: int
    opening_micros: int
    closing_micros: int
    parties: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OpenHold:
    """Credit that is set aside and not yet charged."""

    at: datetime
    amount_micros: int
    subject: str
    deadline_at: datetime | None


@dataclass(frozen=True, slots=True)
class LiveLot:
    """Credit that can still be spent, in burn order."""

    category: str
    remaining_micros: int
    held_micros: int
    expires_at: datetime | None
    memo: str


def statement(workspace: Workspace, *, before: int | None = None, limit: int = PAGE_SIZE) -> list[StatementLine]:
    """The newest ``limit`` lines, or the newest of those older than the line numbered ``before``; newest first.

    Fewer than ``limit`` lines mean that there are no older ones.
    """
    wallet_id = LedgerAccount.objects.filter(code=wallet_code(workspace)).values_list("pk", flat=True).first()
    return lines_of(Span(wallet_id, 0, NO_END, 0, 0), before=before, limit=limit)


def lines_of(span: Span, *, before: int | None = None, limit: int = PAGE_SIZE) -> list[StatementLine]:
    """As ``statement``, of a span."""
    return list(islice(_grouped(_newest_first(span, before, limit + 10)), limit))


def span_of(workspace: Workspace, narrowing: Narrowing) -> Span:
    """The lines that are asked for. A handful of row reads, however long the history: lines stand in order of time."""
    wallet = LedgerAccount.objects.filter(code=wallet_code(workspace)).first()
    if wallet is None:
        return Span(None, 0, 1, 0, 0)
    after = _last_before(wallet, narrowing.since) if narrowing.since else 0
    last = _last_before(wallet, narrowing.until + timedelta(days=1)) if narrowing.until else wallet.seq
    last = max(last, after)
    # Without a last day the newest line is in it, also one that is written before the next page is asked for.
    before = last + 1 if narrowing.until else NO_END
    ends = Transfer.objects.filter(owner_id=wallet.pk, owner_seq__in=[after, last])
    balances = dict(ends.values_list("owner_seq", "owner_balance"))
    return Span(wallet.pk, after, before, balances.get(after) or 0, balances.get(last) or 0, narrowing.parties)


def midnight(day: date) -> datetime:
    """The day's first moment, in UTC."""
    return datetime.combine(day, time.min, UTC)


def _last_before(wallet: LedgerAccount, day: date) -> int:
    """The number of the last line written before ``day`` begins, 0 if there is none: four queries for a million lines.

    Each reads a few lines that stand at equal distances and leaves the gap between two of them.
    """
    begin = midnight(day)
    known = Transfer.objects.filter(owner_id=wallet.pk)
    low, high = 0, wallet.seq
    while low < high:
        step = max(1, (high - low) // MARKS)
        marks = known.filter(owner_seq__in=range(low + 1, high + 1, step), created_at__lt=begin)
        last = marks.order_by("-owner_seq").values_list("owner_seq", flat=True).first()
        # Of the marks the next one, if there is one, was written later.
        low, high = (low, low) if last is None else (last, min(high, last + step - 1))
    return low


def _newest_first(span: Span, before: int | None, batch: int) -> Iterator[Transfer]:
    """A wallet's transfers by keyset, so that the millionth page costs what the first does."""
    lines = Transfer.objects.filter(owner_id=span.wallet_id, owner_seq__gt=span.after, **span.parties)
    before = span.before if before is None else min(before, span.before)
    while True:
        transfers = list(lines.filter(owner_seq__lt=before).order_by("-owner_seq")[:batch])
        yield from transfers
        if len(transfers) < batch:
            return
        before = transfers[-1].owner_seq or 0


def _grouped(transfers: Iterator[Transfer]) -> Iterator[StatementLine]:
    # The transfers of one operation stand next to each other: their wallet was locked while they were numbered.
    for _, group in groupby(transfers, key=lambda transfer: (transfer.journal, transfer.kind)):
        parts = list(group)
        newest, oldest = parts[0], parts[-1]
        yield StatementLine(
            seq=oldest.owner_seq or 0,
            at=newest.created_at,
            kind=newest.kind,
            label=TransferKind(newest.kind).label,
            memo=newest.memo,
            amount_micros=sum(_signed(part) for part in parts),
            balance_after_micros=newest.owner_balance or 0,
            subject=newest.subject,
            transfers=tuple(part.pk for part in parts),
            project=newest.project,
            member=newest.member,
            token=newest.token,
            hash=newest.owner_hash,
        )


def _signed(transfer: Transfer) -> int:
    return transfer.amount_micros if transfer.credit_id == transfer.owner_id else -transfer.amount_micros


def open_holds(workspace: Workspace) -> list[OpenHold]:
    """What is on hold, newest first."""
    holds = Hold.objects.filter(account__code=wallet_code(workspace), state=HoldState.OPEN).order_by("-id")
    return [OpenHold(*row) for row in holds.values_list("created_at", "amount_micros", "subject", "deadline_at")]


def live_lots(workspace: Workspace) -> list[LiveLot]:
    """What there is to spend, in the order in which it will be spent."""
    lots = CreditLot.objects.filter(account__code=wallet_code(workspace), remaining__gt=0)
    ordered = sorted(lots, key=_burn_order)
    return [LiveLot(lot.category, lot.remaining, lot.held, lot.expires_at, lot.memo) for lot in ordered]


def _burn_order(lot: CreditLot) -> tuple[int, float, str, int]:
    expiry = lot.expires_at.timestamp() if lot.expires_at else float("inf")
    return lot.priority, expiry, lot.category, lot.pk
