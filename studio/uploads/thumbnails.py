"""Thumbnails of portraits, stored beside them; an upload from before they were made gets its own by the sweep."""

from __future__ import annotations

import logging
import shutil
from typing import Any

from django.core.files.base import ContentFile
from django.db import transaction

from avatarsite.temporary_files import temporary_folder
from studio.media import judge
from studio.media.sandbox import OverLimit
from studio.models import FileKind, Upload, UploadKind
from studio.storage import ledger

logger = logging.getLogger(__name__)

# Where an upload's details keep the file's name; "" is of a portrait that none could be made of.
DETAILS_KEY = "thumbnail"
AT_ONCE = 200


def store_thumbnail(upload: Upload, data: bytes) -> str:
    """Beside the upload; gives the file's name, to be kept with it."""
    name = f"w/{upload.workspace_id}/uploads/{upload.pk}.thumb.webp"
    return ledger.store(upload.workspace, name, ContentFile(data), FileKind.THUMBNAIL)


def thumbnail_name(upload: Upload) -> str:
    """The file to show in a list: the thumbnail, or the portrait itself as long as there is none."""
    return str(upload.details.get(DETAILS_KEY) or upload.file.name or "")


def sweep_thumbnails() -> int:
    """Make those that are missing, newest uploads first; one that can't be read is passed over. Returns how many."""
    missing = Upload.objects.filter(kind=UploadKind.PORTRAIT).exclude(details__has_key=DETAILS_KEY).order_by("-id")
    return sum(_make(upload) for upload in missing[:AT_ONCE])


def _make(upload: Upload) -> bool:
    try:
        name = store_thumbnail(upload, _read(upload))
    except (OSError, SyntaxError, ValueError, OverLimit) as error:
        logger.warning("No thumbnail of %s: %s", upload, error)
        name = ""
    with transaction.atomic():
        row = Upload.objects.select_for_update().filter(pk=upload.pk).first()
        if row:
            details: dict[str, Any] = row.details | {DETAILS_KEY: name}
            Upload.objects.filter(pk=upload.pk).update(details=details)
            ledger.keep(name)
        else:
            ledger.let_go(name)
    return bool(name)


def _read(upload: Upload) -> bytes:
    with temporary_folder("thumbnail-") as folder:
        source = folder / "source"
        with upload.file.open("rb") as stored, source.open("wb") as copy:
            shutil.copyfileobj(stored, copy)
        return judge.thumbnail(source, owner=upload.workspace_id)
