"""Emptying of a workspace that is closed: every row and every file of it, but for what has to be kept.

Rows go by the models themselves (``belongings.py``), files by their count and then by what the store lists, so that
neither a table nor a kind of file that is new is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import ProtectedError, QuerySet

from avatarsite.queue.sweeping import each
from avatarsite.workspaces.models import Workspace
from studio.lifecycle.belongings import Belonging, belongings
from studio.models import StorageUse, StoredFile
from studio.storage import ledger
from studio.storage.local import listed

CHUNK = 200
# What stays, and why. The ledger can't lose a row: each line is sealed by the one before it.
BY_LAW = "a bookkeeper has to keep it for ten years"
WHILE_OPEN = "until its money is settled"
KEPT = {
    "audit.AuditEntry": "nothing changes or deletes the audit log: it is the proof of what was done",
    "billing.CreditLot": BY_LAW,
    "billing.Dispute": BY_LAW,
    "billing.Hold": BY_LAW,
    "billing.HoldLot": BY_LAW,
    "billing.LedgerAccount": BY_LAW,
    "billing.PromotionUse": "so that a code works once",
    "billing.Refund": BY_LAW,
    "billing.StripeCustomer": "its name and address go with the last step, what it paid stays",
    "billing.TopUp": BY_LAW,
    "billing.Transfer": BY_LAW,
    "billing.Usage": BY_LAW,
    "billing.UsageDay": "it adds usage up, and is held against it",
    "lifecycle.Closing": "it says what was done",
    "mail.MailMessage": WHILE_OPEN,
    "misuse.MisuseReport": "what was reported outlives what it was about",
    "staff.StaffNote": "nothing changes or deletes a note",
    "workspaces.Member": WHILE_OPEN,
}
# They go with the bytes that they count.
COUNTS = {"studio.StoredFile", "studio.StorageUse"}


def empty(workspace: Workspace) -> bool:
    """Delete all of it that may go; False if something could not be deleted now, and is to be tried again."""
    gone = _delete_rows(workspace)
    return _delete_files(workspace) and gone


def deleted() -> Iterator[Belonging]:
    return (each for each in belongings() if each.label not in KEPT and each.label not in COUNTS)


def _delete_rows(workspace: Workspace) -> bool:
    """In rounds, because rows protect each other: a video its token, a part its whole."""
    theirs = list(deleted())
    while sum(_delete_of(belonging, workspace) for belonging in theirs):
        pass
    return not any(belonging.rows_of(workspace).exists() for belonging in theirs)


def _delete_of(belonging: Belonging, workspace: Workspace) -> int:
    """How many rows went; newest first, since what came later points at what was there."""
    count, rows = 0, belonging.rows_of(workspace).order_by("-pk")
    keys = list(rows.values_list("pk", flat=True)[:CHUNK])
    while keys:
        count += _delete_chunk(rows.order_by(), keys)
        keys = list(rows.filter(pk__lt=keys[-1]).values_list("pk", flat=True)[:CHUNK])
    return count


def _delete_chunk(rows: QuerySet[Any], keys: list[Any]) -> int:
    if _went(rows.filter(pk__in=keys)):
        return len(keys)
    return sum(_went(rows.filter(pk=key)) for key in keys)


def _went(rows: QuerySet[Any]) -> bool:
    try:
        with transaction.atomic():
            rows.delete()
    except ProtectedError:
        return False
    return True


def _delete_files(workspace: Workspace) -> bool:
    counted = StoredFile.objects.filter(workspace=workspace)
    each(list(counted.values_list("pk", flat=True)), ledger.drop, "Deleting a file of a closed workspace")
    left = [file.name for file in listed(f"w/{workspace.pk}")]
    each(left, default_storage.delete, "Deleting a file of a closed workspace")
    if counted.exists() or any(True for _ in listed(f"w/{workspace.pk}")):
        return False
    StorageUse.objects.filter(workspace=workspace).delete()
    return True
