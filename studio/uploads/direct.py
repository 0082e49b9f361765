"""Slots: a file goes straight to the storage, and becomes an upload when its customer says that it is there.

At a bucket the address of a file whose size is announced is presigned, for that size alone; otherwise it is one of
ours, which proves by its signature that we gave it out, and counts what comes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.core import signing
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from avatarsite.queue.sweeping import each
from avatarsite.workspaces.models import ApiToken, User, Workspace
from avatarsite.workspaces.tokens import admits
from studio.errors import RequestRefused
from studio.models import FileKind, Upload, UploadKind, UploadSlot
from studio.models.uploads import slot_id
from studio.storage import ledger
from studio.storage.filenames import clean_name
from studio.uploads.add import add_upload, check_size
from studio.uploads.fetch import MAX_BYTES

if TYPE_CHECKING:
    from studio.storage.s3 import PrivateBucket

LIFE = timedelta(hours=1)
# How long what was sent stays before it is swept, in which it can still be made an upload.
RETENTION = timedelta(hours=23)
SALT = "studio.uploads.direct"
BATCH = 200
SEND_FIRST = "Send the bytes to the slot’s address with PUT, then complete it."


@dataclass(frozen=True, slots=True)
class Slot:
    """Where to send the bytes, how, and until when."""

    id: str
    kind: str
    url: str
    max_bytes: int
    expires_at: datetime
    method: str = "PUT"
    headers: dict[str, str] = field(default_factory=dict)


def open_slot(  # noqa: PLR0913 -- they are what is known of it
    workspace: Workspace,
    *,
    kind: UploadKind,
    name: str,
    user: User | None,
    token: ApiToken | None = None,
    size: int | None = None,
) -> Slot:
    """A place for one file, open for an hour, or until the token that asks for it is revoked.

    With ``size``, in bytes, it takes a file of that size alone, and has room for it from now on. Raises UploadRefused
    for a size that no file of the kind may have, and StorageFull or StorageTooFast without room.
    """
    new_id = slot_id()
    file = f"w/{workspace.pk}/slots/{new_id}"
    if size is None:
        ledger.check_room(workspace, 1, field=kind.value)
    else:
        check_size(kind, size)
    with transaction.atomic():
        if size is not None:
            ledger.expect(workspace, file, size, FileKind.SLOT, field=kind.value)
        row = UploadSlot.objects.create(
            id=new_id,
            workspace=workspace,
            kind=kind,
            name=clean_name(name, otherwise=kind.value),
            file=file,
            bytes=size,
            made_by=user,
            token=token,
            expires_at=timezone.now() + LIFE,
        )
    headers = {} if size is None else {"Content-Length": str(size)}
    most = MAX_BYTES[kind] if size is None else size
    return Slot(row.pk, row.kind, _address(row), most, row.expires_at, headers=headers)


def complete_slot(workspace: Workspace, pk: str, *, user: User | None) -> Upload:
    """Judge what was sent and keep it as an upload. Completing twice gives the same upload.

    Raises RequestRefused without a slot or a file, UploadRefused for what the file is. Never inside a transaction.
    """
    slot = UploadSlot.objects.for_workspace(workspace).select_related("upload", *_WHOSE).filter(pk=pk).first()
    if slot is None or not _still_open(slot):
        raise RequestRefused("slot", "slot_unknown", "There is no such slot in this workspace.", "Open a new one.")
    if slot.upload:
        return slot.upload
    if not default_storage.exists(slot.file):
        raise RequestRefused("slot", "slot_empty", "Nothing has been sent to this slot yet.", SEND_FIRST)
    size = default_storage.size(slot.file)
    check_sent(slot, size)
    with default_storage.open(slot.file, "rb") as sent:
        upload = add_upload(
            workspace, kind=UploadKind(slot.kind), file=sent, name=slot.name, user=user, instead_of=size
        )
    UploadSlot.objects.filter(pk=slot.pk).update(upload=upload)
    if _at_bucket(slot):
        ledger.drop_until(slot.file, slot.expires_at)
    else:
        ledger.drop(slot.file)
    return upload


def check_sent(slot: UploadSlot, size: int) -> None:
    """Raises RequestRefused for bytes that are not as many as were announced."""
    if slot.bytes is not None and size != slot.bytes:
        message = f"{slot.bytes:,} bytes were announced for this slot, and {size:,} were sent."
        raise RequestRefused("slot", "slot_size", message, "Send the file that was announced, or open a new slot.")


def slot_of(token: str) -> UploadSlot | None:
    """The open slot behind an address of ours; None if we never gave it out, or it is over."""
    try:
        pk = signing.loads(token, salt=SALT)
    except signing.BadSignature:
        return None
    waiting = UploadSlot.objects.filter(pk=pk, upload=None, expires_at__gt=timezone.now())
    slot = waiting.select_related(*_WHOSE).first()
    return slot if slot and _still_open(slot) else None


_WHOSE = ("workspace", "token__workspace", "token__made_by", "token__maker")


def _still_open(slot: UploadSlot) -> bool:
    # A bucket takes bytes at the address that it was given, but nothing becomes of them.
    return slot.token is None or admits(slot.token)


def fill_slot(slot: UploadSlot, content: File[Any]) -> None:
    """Keep the bytes; sending again replaces what was sent before.

    Raises RequestRefused for another size than was announced, and StorageFull or StorageTooFast without room.
    """
    check_sent(slot, content.size)
    ledger.store(slot.workspace, slot.file, content, FileKind.SLOT, field=slot.kind)


def sweep_slots() -> int:
    """Forget slots that are long over, and what was sent to them."""
    over = UploadSlot.objects.filter(expires_at__lt=timezone.now() - RETENTION).order_by("expires_at")[:BATCH]
    return len(each(over, _forget, "Forgetting a slot that is over"))


def _forget(slot: UploadSlot) -> None:
    ledger.drop(slot.file)
    slot.delete()


def _at_bucket(slot: UploadSlot) -> bool:
    # The proxy's own class is Django's; what stands behind it is what counts.
    return slot.bytes is not None and hasattr(default_storage, "upload_link")


def _address(slot: UploadSlot) -> str:
    if (size := slot.bytes) is not None and _at_bucket(slot):
        bucket = cast("PrivateBucket", default_storage)
        return bucket.upload_link(slot.file, size=size, seconds=int(LIFE.total_seconds()))
    token = signing.dumps(slot.pk, salt=SALT)
    return f"{settings.SITE_URL}{reverse('api_slot_file', kwargs={'token': token})}"
