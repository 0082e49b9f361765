"""CSV export of the ledger for the accounts department, every movement of a month: a row each, of any number."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from django.db.models import Q

from avatarsite.csv_files import Echo, text_cell
from billing.models import Transfer
from billing.reports.accounting import Month, movements
from billing.statements.csv_export import dollars_cell

BATCH = 1_000
COLUMNS = (
    "id", "date_utc", "journal", "kind", "debit_account", "credit_account", "amount_usd", "currency", "credit_category",
    "workspace", "subject", "memo", "key", "reverses", "actor", "project", "member", "token",
)  # fmt: skip


def movements_csv(month: Month) -> Iterator[str]:
    """The file in pieces, in order of time. Memory stays flat: a thousand rows are read at a time, by keyset."""
    writer = csv.writer(Echo())
    yield writer.writerow(COLUMNS)
    for batch in _in_order(month):
        yield "".join(writer.writerow(_row(transfer)) for transfer in batch)


def _in_order(month: Month) -> Iterator[list[Transfer]]:
    rows = movements(month).select_related("debit", "credit", "lot", "owner__workspace", "actor")
    rows = rows.order_by("created_at", "id")
    at, last = month.begins, 0
    while batch := list(rows.filter(_after(at, last))[:BATCH]):
        yield batch
        at, last = batch[-1].created_at, batch[-1].pk


def _after(at: datetime, last: int) -> Q:
    # The first half alone lets the index be entered where the batch before ended.
    return Q(created_at__gte=at) & (Q(created_at__gt=at) | Q(id__gt=last))


def _row(transfer: Transfer) -> Iterable[object]:
    workspace = transfer.owner.workspace if transfer.owner else None
    return (
        transfer.pk,
        transfer.created_at.astimezone(UTC).isoformat(timespec="microseconds"),
        transfer.journal,
        transfer.kind,
        transfer.debit.code,
        transfer.credit.code,
        dollars_cell(transfer.amount_micros),
        transfer.debit.currency,
        transfer.lot.category if transfer.lot else "",
        workspace.slug if workspace else "",
        text_cell(transfer.subject),
        text_cell(transfer.memo),
        transfer.key,
        transfer.reverses_id or "",
        text_cell(transfer.actor.email) if transfer.actor else "",
        transfer.project,
        transfer.member,
        transfer.token,
    )
