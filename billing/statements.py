"""What a customer reads: movements with their cause, and what is on hold. Every page costs the same, however long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, islice

from avatarsite.workspaces.models import Workspace
from billing.accounts import wallet_code
from billing.models import CreditLot, Hold, HoldState, LedgerAccount, Transfer, TransferKind

PAGE = 50


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


def statement(workspace: Workspace, *, before: int | None = None, limit: int = PAGE) -> list[StatementLine]:
    """The newest ``limit`` lines, or the newest of those older than the line numbered ``before``; newest first.

    Fewer than ``limit`` lines mean that there are no older ones.
    """
    wallet_id = LedgerAccount.objects.filter(code=wallet_code(workspace)).values_list("pk", flat=True).first()
    return list(islice(_grouped(_newest_first(wallet_id, before, limit + 10)), limit))


def _newest_first(wallet_id: int | None, before: int | None, batch: int) -> Iterator[Transfer]:
    """A wallet's transfers by keyset, so that the millionth page costs what the first does."""
    while True:
        older = Transfer.objects.filter(owner_id=wallet_id)
        if before is not None:
            older = older.filter(owner_seq__lt=before)
        transfers = list(older.order_by("-owner_seq")[:batch])
        yield from transfers
        if len(transfers) < batch:
            return
        before = transfers[-1].owner_seq


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
        )


def _signed(transfer: Transfer) -> int:
    return transfer.amount_micros if transfer.credit_id == transfer.owner_id else -transfer.amount_micros


def open_holds(workspace: Workspace) -> list[OpenHold]:
    """What is on hold, newest first."""
    holds = Hold.objects.filter(account__code=wallet_code(workspace), state=HoldState.OPEN).order_by("-id")
    return [OpenHold(hold.created_at, hold.amount_micros, hold.subject, hold.deadline_at) for hold in holds]


def live_lots(workspace: Workspace) -> list[LiveLot]:
    """What there is to spend, in the order in which it will be spent."""
    lots = CreditLot.objects.filter(account__code=wallet_code(workspace), remaining__gt=0)
    ordered = sorted(lots, key=_burn_order)
    return [LiveLot(lot.category, lot.remaining, lot.held, lot.expires_at, lot.memo) for lot in ordered]


def _burn_order(lot: CreditLot) -> tuple[int, float, str, int]:
    expiry = lot.expires_at.timestamp() if lot.expires_at else float("inf")
    return lot.priority, expiry, lot.category, lot.pk
