"""Slots: a file goes straight to the storage, and becomes an upload when its customer says that it is there.

At a bucket the address is presigned; otherwise it is one of ours, which proves by its signature that we gave it out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.core import signing
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.urls import reverse
from django.utils import timezone

from avatarsite.sweeping import each
from avatarsite.workspaces.models import ApiToken, User, Workspace
from avatarsite.workspaces.tokens import stands
from studio.filenames import clean_name
from studio.models import Upload, UploadKind, UploadSlot
from studio.models.uploads import slot_id
from studio.pipeline.wishes import RequestRefused
from studio.remote_files import MOST_BYTES
from studio.uploads import add_upload

if TYPE_CHECKING:
    from studio.bucket import PrivateBucket

LIFE = timedelta(hours=1)
# How long what was sent stays before it is swept, in which it can still be made an upload.
KEPT = timedelta(hours=23)
SALT = "studio.slots"
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


def open_slot(
    workspace: Workspace, *, kind: UploadKind, name: str, user: User | None, token: ApiToken | None = None
) -> Slot:
    """A place for one file, open for an hour, or until the token that asks for it is revoked."""
    new_id = slot_id()
    row = UploadSlot.objects.create(
        id=new_id,
        workspace=workspace,
        kind=kind,
        name=clean_name(name, otherwise=kind.value),
        file=f"w/{workspace.pk}/slots/{new_id}",
        made_by=user,
        token=token,
        expires_at=timezone.now() + LIFE,
    )
    return Slot(row.pk, row.kind, _address(row), MOST_BYTES[kind], row.expires_at)


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
    with default_storage.open(slot.file, "rb") as sent:
        upload = add_upload(workspace, kind=UploadKind(slot.kind), file=sent, name=slot.name, user=user)
    UploadSlot.objects.filter(pk=slot.pk).update(upload=upload)
    default_storage.delete(slot.file)
    return upload


def slot_of(token: str) -> UploadSlot | None:
    """The open slot behind an address of ours; None if we never gave it out, or it is over."""
    try:
        pk = signing.loads(token, salt=SALT)
    except signing.BadSignature:
        return None
    waiting = UploadSlot.objects.filter(pk=pk, upload=None, expires_at__gt=timezone.now())
    slot = waiting.select_related(*_WHOSE).first()
    return slot if slot and _still_open(slot) else None


_WHOSE = ("token__made_by", "token__maker")


def _still_open(slot: UploadSlot) -> bool:
    # A bucket takes bytes at the address that it was given, but nothing becomes of them.
    return slot.token is None or stands(slot.token)


def fill_slot(slot: UploadSlot, content: File[Any]) -> None:
    """Keep the bytes; sending again replaces what was sent before."""
    default_storage.save(slot.file, content)


def sweep_slots() -> int:
    """Forget slots that are long over, and what was sent to them."""
    over = UploadSlot.objects.filter(expires_at__lt=timezone.now() - KEPT).order_by("expires_at")[:BATCH]
    return len(each(over, _forget, "Forgetting a slot that is over"))


def _forget(slot: UploadSlot) -> None:
    default_storage.delete(slot.file)
    slot.delete()


def _address(slot: UploadSlot) -> str:
    # The proxy's own class is Django's; what stands behind it is what counts.
    if hasattr(default_storage, "upload_link"):
        return cast("PrivateBucket", default_storage).upload_link(slot.file, seconds=int(LIFE.total_seconds()))
    token = signing.dumps(slot.pk, salt=SALT)
    return f"{settings.SITE_URL}{reverse('api_slot_file', kwargs={'token': token})}"
