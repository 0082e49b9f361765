"""CSV export of a statement, for a spreadsheet: a row for each line of the chain, oldest first, of any length."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from datetime import UTC
from decimal import Decimal

from avatarsite.csv_files import Echo, text_cell
from avatarsite.workspaces.models import Workspace
from billing.labels import names_of
from billing.ledger.hash_chain import Line, sealed_text
from billing.models import Transfer, TransferKind
from billing.money import MICROS
from billing.statements.statements import Span

BATCH = 1_000
COLUMNS = (
    "number", "date_utc", "kind", "what", "memo", "amount_usd", "balance_usd", "project", "member", "token",
    "subject", "lot", "journal", "hash", "sealed",
)  # fmt: skip


def statement_csv(workspace: Workspace, span: Span) -> Iterator[str]:
    """The file in pieces. Without a narrowing, the amounts sum to the balance after the last line, exactly."""
    writer = csv.writer(Echo())
    yield writer.writerow(COLUMNS)
    for batch in _oldest_first(span):
        subjects = [line.subject for line in batch]
        parties = [text for line in batch for text in _parties(line).values() if text]
        names = {text: named.label for text, named in names_of(workspace, [*subjects, *parties]).items()}
        yield "".join(writer.writerow(_row(line, names)) for line in batch)


def _oldest_first(span: Span) -> Iterator[list[Transfer]]:
    lines = Transfer.objects.filter(owner_id=span.wallet_id, owner_seq__lt=span.before, **span.parties)
    after = span.after
    while batch := list(lines.filter(owner_seq__gt=after).order_by("owner_seq")[:BATCH]):
        yield batch
        after = batch[-1].owner_seq or 0


def _parties(line: Transfer) -> dict[str, str]:
    parties = {"project": line.project, "member": line.member, "token": line.token}
    return {kind: f"{kind}:{name}" if name else "" for kind, name in parties.items()}


def _row(line: Transfer, names: dict[str, str]) -> Iterable[object]:
    amount = line.amount_micros if line.credit_id == line.owner_id else -line.amount_micros
    parties = (names.get(text, text.partition(":")[2]) for text in _parties(line).values())
    return (
        line.owner_seq,
        line.created_at.astimezone(UTC).isoformat(timespec="microseconds"),
        line.kind,
        text_cell(names.get(line.subject, TransferKind(line.kind).label)),
        text_cell(line.memo),
        dollars_cell(amount),
        dollars_cell(line.owner_balance or 0),
        *map(text_cell, parties),
        line.subject,
        line.lot_id,
        line.journal,
        line.owner_hash,
        sealed_text(Line(*(getattr(line, name) for name in Line._fields))),
    )


def dollars_cell(micros: int) -> str:
    """Exact, with six decimals."""
    return f"{Decimal(micros) / MICROS:.6f}"
