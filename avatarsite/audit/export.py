from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC

from django.db.models import QuerySet

from avatarsite.audit.models import AuditEntry
from avatarsite.csv_files import csv_lines, text_cell

COLUMNS = ("number", "at_utc", "workspace", "kind", "who", "from", "event", "target", "what", "why")


def audit_csv(entries: QuerySet[AuditEntry]) -> Iterator[str]:
    """The entries as a file in pieces, in the order of the query."""
    return csv_lines(COLUMNS, (_row(entry) for entry in entries.iterator(chunk_size=1_000)))


def _row(entry: AuditEntry) -> tuple[object, ...]:
    texts = map(text_cell, (entry.event, entry.target, entry.what, entry.why))
    at = entry.at.astimezone(UTC).isoformat(timespec="seconds")
    return entry.pk, at, entry.workspace_id or "", entry.actor_kind, text_cell(entry.actor), entry.address or "", *texts
