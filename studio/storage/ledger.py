"""Ledger of stored files: the one place that stores and deletes them, and counts their bytes for each workspace.

A file's row is written before its bytes come and deleted after they have gone, so that whatever kills the process
leaves no bytes that no row counts. ``keep`` belongs into the transaction that writes the first row that names a file,
``let_go`` into that which deletes the last; what never got so far, and what did not go at once, is swept.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q, Sum
from django.utils import timezone

from avatarsite.errors import DomainError
from avatarsite.queue import lease
from avatarsite.queue.sweeping import each
from avatarsite.workspaces.models import Workspace
from studio.models.files import FileKind, FileState, StorageUse, StoredFile

GB = 1_000_000_000
# What customers bring. What is made of it is never refused: a finished video is theirs, and paid.
BOUNDED = frozenset({FileKind.UPLOAD, FileKind.SLOT, FileKind.GATEWAY, FileKind.PART})
# Longer than anything that is begun may take with all its repeats: slots are open for 24 hours.
COMING_KEPT = timedelta(hours=26)
LEAVING_KEPT = timedelta(minutes=10)
BATCH = 500
BACKUP = "backup"  # while somebody holds this lease no file goes, so that all that its rows name is there
DELETE_SOMETHING = (
    "Delete videos or uploads that you no longer need, or ask us for more room. What is in the bin counts until you "
    "empty it."
)


class StorageFull(DomainError):
    """The workspace has no room for a file."""

    def __init__(self, *, used: int, quota: int, needed: int, field: str = "") -> None:
        self.used, self.quota, self.needed = used, quota, needed
        room = Room(used, quota)
        told = f"This workspace’s files take {room}, and there is no room for {spelt(needed)} more."
        super().__init__("storage_full", told, field=field, remedy=DELETE_SOMETHING)


class StorageTooFast(DomainError):
    """The workspace brings more bytes in a minute than it may."""

    retryable = True

    def __init__(self, *, most: int, seconds: int, field: str = "") -> None:
        self.seconds = seconds
        told = f"A workspace can bring {spelt(most)} in a minute, and this would be more."
        super().__init__("storage_too_fast", told, field=field, remedy=f"Send it again in {seconds} seconds.")


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes in the store, and how many there may be; None without a limit. An export takes no room."""

    used: int
    quota: int | None

    @property
    def full(self) -> bool:
        return self.quota is not None and self.used >= self.quota

    def __str__(self) -> str:
        return spelt(self.used) if self.quota is None else f"{spelt(self.used)} of {spelt(self.quota)}"


class Coming(NamedTuple):
    """A file that is about to be stored."""

    name: str
    size: int
    kind: FileKind


def room_of(workspace: Workspace) -> Room:
    use = StorageUse.objects.filter(workspace=workspace).first() or StorageUse()
    return Room(_used(use), _quota(use))


def check_room(workspace: Workspace, size: int, *, instead_of: int = 0, field: str = "") -> None:
    """Whether ``size`` bytes would find room now, before anybody works on them. Raises StorageFull."""
    _check_quota(StorageUse.objects.filter(workspace=workspace).first() or StorageUse(), size - instead_of, field)


def store(  # noqa: PLR0913 -- they are what the row says
    workspace: Workspace, name: str, content: File[Any], kind: FileKind, *, instead_of: int = 0, field: str = ""
) -> str:
    """Store a file under exactly this name, in place of one that has it; ``keep`` it once a row names it.

    Raises StorageFull, StorageTooFast and StoreFailed, and then nothing is stored. ``instead_of`` bytes go once it is.
    """
    expect(workspace, name, content.size, kind, instead_of=instead_of, field=field)
    try:
        return default_storage.save(name, content)
    except BaseException:
        _not_come(name)
        raise


def expect(  # noqa: PLR0913 -- they are what the row says
    workspace: Workspace, name: str, size: int, kind: FileKind, *, instead_of: int = 0, field: str = ""
) -> None:
    """Count a file that is about to be stored. Raises StorageFull and StorageTooFast for what customers bring."""
    with transaction.atomic():
        use = _locked(workspace.pk)
        more = _write_coming(workspace, [Coming(name, size, kind)])
        if kind in BOUNDED:
            _check_quota(use, more - instead_of, field)
            _check_pace(use, max(size - instead_of, 0), field)
        _add(use, more)


def expect_output(workspace: Workspace, *files: Coming) -> None:
    """Count what was made here and is about to be stored, however much room there is."""
    with transaction.atomic():
        use = _locked(workspace.pk)
        _add(use, _write_coming(workspace, files))


def _add(use: StorageUse, more: int) -> None:
    use.bytes += more
    use.save(update_fields=["bytes", "minute", "minute_bytes"])


def _write_coming(workspace: Workspace, files: Sequence[Coming]) -> int:
    """Their rows; by how many bytes there are more. The workspace's sum is locked."""
    known = StoredFile.objects.in_bulk([file.name for file in files])
    told = {"workspace": workspace, "touched_at": timezone.now()}
    rows = []
    for name, size, kind in files:
        was_kept = name in known and known[name].state == FileState.KEPT
        state = FileState.KEPT if was_kept else FileState.COMING
        rows.append(StoredFile(name=name, kind=kind, bytes=size, state=state, **told))
    changed = ["workspace", "kind", "state", "bytes", "touched_at"]
    StoredFile.objects.bulk_create(rows, update_conflicts=True, unique_fields=["name"], update_fields=changed)
    return sum(file.size for file in files) - sum(row.bytes for row in known.values())


def keep(*names: str) -> None:
    """They are named by a row of this transaction."""
    coming = StoredFile.objects.filter(pk__in=names, state=FileState.COMING)
    coming.update(state=FileState.KEPT, touched_at=timezone.now())


def let_go(*names: str | None) -> None:
    """No row names them any more: delete them once this transaction is committed, or later if that can't be done."""
    named = list(filter(None, names))
    StoredFile.objects.filter(pk__in=named).update(state=FileState.LEAVING, touched_at=timezone.now())
    for name in named:
        _drop_once_committed(name)


def drop(name: str) -> None:
    """Delete a file now, if it is there. Raises OSError, and then it still counts."""
    default_storage.delete(name)
    _uncount(name)


def drop_until(name: str, end: datetime) -> None:
    """Delete a file now, and what may still come under its name by ``end``; until then it counts."""
    StoredFile.objects.filter(pk=name).update(state=FileState.LEAVING, touched_at=max(end, timezone.now()))
    default_storage.delete(name)


def bytes_under(workspace: Workspace, prefix: str) -> int:
    """What the workspace's files whose names begin so take."""
    found = StoredFile.objects.for_workspace(workspace).filter(pk__startswith=prefix).aggregate(sum=Sum("bytes"))
    return int(found["sum"] or 0)


def set_sum(workspace_id: str, size: int) -> None:
    """Correct a workspace's sum."""
    StorageUse.objects.update_or_create(workspace_id=workspace_id, defaults={"bytes": size})


def sweep_files() -> int:
    """Delete what was begun and left, and what should have gone. Returns how many files."""
    if lease.held(BACKUP):
        return 0
    now = timezone.now()
    left = StoredFile.objects.filter(
        Q(state=FileState.COMING, touched_at__lt=now - COMING_KEPT)
        | Q(state=FileState.LEAVING, touched_at__lt=now - LEAVING_KEPT)
        | Q(workspace=None)
    )
    return sum(each(left.order_by("touched_at")[:BATCH], _sweep, "Deleting a file that nothing names"))


def spelt(size: int) -> str:
    """``1.2 GB``, ``119 MB``, ``3 kB``."""
    for unit, name in ((GB, "GB"), (1_000_000, "MB"), (1_000, "kB")):
        if size >= unit:
            number = size / unit
            return f"{number:.1f}".removesuffix(".0") + f" {name}" if number < 100 else f"{number:.0f} {name}"
    return f"{size} bytes"


def _locked(workspace_id: str) -> StorageUse:
    """The workspace's sum, held until the transaction ends: whoever changes it, or one of its files, waits."""
    rows = StorageUse.objects.select_for_update()
    if there := rows.filter(workspace_id=workspace_id).first():
        return there
    StorageUse.objects.get_or_create(workspace_id=workspace_id)
    return rows.get(workspace_id=workspace_id)


def _quota(use: StorageUse) -> int | None:
    gigabytes = settings.STORAGE_QUOTA_GB if use.quota_gb is None else use.quota_gb
    return int(gigabytes * GB) or None


def _used(use: StorageUse) -> int:
    """Without exports, which are of what is there already and go by themselves."""
    if not use.bytes:
        return 0
    exports = StoredFile.objects.filter(workspace=use.workspace_id, kind=FileKind.EXPORT)
    return use.bytes - int(exports.aggregate(sum=Sum("bytes"))["sum"] or 0)


def _check_quota(use: StorageUse, more: int, field: str) -> None:
    quota = _quota(use)
    if quota is not None and more > 0 and (used := _used(use)) + more > quota:
        raise StorageFull(used=used, quota=quota, needed=more, field=field)


def _check_pace(use: StorageUse, size: int, field: str) -> None:
    most, now = int(settings.STORAGE_GB_PER_MINUTE * GB), time.time()
    if use.minute != int(now // 60):
        use.minute, use.minute_bytes = int(now // 60), 0
    use.minute_bytes += size
    if most and use.minute_bytes > most:
        raise StorageTooFast(most=most, seconds=60 - int(now % 60), field=field)


def _drop_once_committed(name: str) -> None:
    """What can't be deleted now is swept. A function of its own, because Django names it where it fails."""

    def drop_it() -> None:
        if not lease.held(BACKUP):
            drop(name)

    transaction.on_commit(drop_it, robust=True)


def _not_come(name: str) -> None:
    """What came before under the same name may be there still, and so may a part of what came now."""
    going = StoredFile.objects.filter(pk=name, state=FileState.COMING)
    if going.update(state=FileState.LEAVING, touched_at=timezone.now()):
        _drop_once_committed(name)


def _sweep(row: StoredFile) -> bool:
    # Claimed as it was seen: whoever writes it anew meanwhile keeps it. What can't be deleted has its turn again later.
    mine = StoredFile.objects.filter(pk=row.pk, state=row.state, touched_at=row.touched_at)
    if not mine.update(state=FileState.LEAVING, touched_at=timezone.now()):
        return False
    default_storage.delete(row.pk)
    _uncount(row.pk, state=FileState.LEAVING)
    return True


def _uncount(name: str, **only: Any) -> None:
    with transaction.atomic():
        rows = StoredFile.objects.filter(pk=name, **only)
        whose = rows.values_list("workspace_id", flat=True).first()
        use = _locked(whose) if whose else None
        row = rows.first()
        if row is None:
            return
        rows.delete()
        if use is not None:
            use.bytes -= min(row.bytes, use.bytes)
            use.save(update_fields=["bytes"])
