"""Export of everything that a workspace has, as one ZIP: asked for, made, cancelled, fetched, deleted after a week."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from avatarsite.audit.record import record
from avatarsite.errors import DomainError
from avatarsite.mail.messages import write_mail
from avatarsite.queue import jobs
from avatarsite.queue.due_rows import Kind, backoff
from avatarsite.workspaces.models import User, Workspace
from studio.lifecycle.archive import Archive
from studio.lifecycle.models import Export, ExportState
from studio.models import FileKind
from studio.storage import ledger
from studio.storage.filenames import download_name
from studio.storage.local import signed_link, store_stream

logger = logging.getLogger(__name__)

KEPT = timedelta(days=7)
MAX_TRIES = 5
LEASE = timedelta(minutes=5)
RENEW_SECONDS = 30
MAX_A_DAY = 5
NOT_MADE = (
    "It could not be made, however often it was tried. Ask for it again, or write to the people who run this site."
)
LINK_SECONDS = 3600


class ExportRefused(DomainError):
    """There is one already, or there were too many today; the message says what to do."""

    def __init__(self, message: str) -> None:
        super().__init__("export_refused", message)


class _LostError(Exception):
    """Somebody has cancelled it, or has taken it over."""


def ask_for_export(workspace: Workspace, *, user: User | None) -> Export:
    """Begin one. Raises ExportRefused."""
    today = Export.objects.filter(workspace=workspace, created_at__gt=timezone.now() - timedelta(days=1))
    if today.count() >= MAX_A_DAY:
        raise ExportRefused(f"There were {MAX_A_DAY} exports in a day. Use the newest one, or ask again tomorrow.")
    try:
        with transaction.atomic():
            export = Export.objects.create(workspace=workspace, asked_by=user, next_try_at=timezone.now())
            record(
                "export.asked", "An export of everything was asked for", workspace=workspace, target=export.pk, by=user
            )
            jobs.enqueue("studio.export", export_id=export.pk)
    except IntegrityError as error:
        raise ExportRefused("An export is being made already. Wait for it, or cancel it.") from error
    return export


def cancel_export(export: Export) -> bool:
    """Stop it, or delete its file at once. False if it has ended otherwise."""
    with transaction.atomic():
        now = timezone.now()
        ended = {"next_try_at": None, "expires_at": None, "ended_at": now, "file": ""}
        found = Export.objects.filter(pk=export.pk, state__in=(ExportState.MAKING, ExportState.READY))
        file = found.select_for_update().values_list("file", flat=True).first()
        if not found.update(state=ExportState.CANCELLED, **ended):
            return False
        ledger.let_go(file)
        record("export.cancelled", "An export was cancelled", workspace=export.workspace, target=export.pk)
    return True


def make_export(export_id: str) -> None:
    """Make the one that is due; a repeat begins anew, under the same name."""
    export = Export.objects.select_related("workspace").filter(pk=export_id, state=ExportState.MAKING).first()
    if export is None or not export.claim(LEASE):
        return
    if export.tries > MAX_TRIES:
        export.finish(state=ExportState.FAILED, why=NOT_MADE, ended_at=timezone.now())
        return
    archive, name = Archive(export.workspace), f"w/{export.workspace_id}/exports/{export.pk}.zip"
    ledger.expect(export.workspace, name, 0, FileKind.EXPORT)
    try:
        size = store_stream(_renewing(export, archive.chunks()), name)
    except _LostError:
        ledger.let_go(name)
        return
    except Exception as error:
        ledger.let_go(name)
        if export.waits_out(error):
            return
        export.put_off(backoff(export.tries, first=60, most=3600))
        raise
    ledger.expect(export.workspace, name, size, FileKind.EXPORT)
    with transaction.atomic():
        now = timezone.now()
        made = {"file": name, "bytes": size, "files": archive.files, "rows": archive.rows}
        if export.finish(state=ExportState.READY, ended_at=now, expires_at=now + KEPT, **made):
            ledger.keep(name)
            record("export.made", "An export of everything is ready", workspace=export.workspace, target=export.pk)
            _tell(export)
        else:
            ledger.let_go(name)


def _renewing(export: Export, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces, as long as the row is ours."""
    renewed = time.monotonic()
    for chunk in chunks:
        if time.monotonic() - renewed > RENEW_SECONDS:
            renewed = time.monotonic()
            if not export.put_off(LEASE):
                raise _LostError
        yield chunk


def _tell(export: Export) -> None:
    if export.asked_by is None or not export.asked_by.is_active:
        return
    page = settings.SITE_URL + reverse("workspace_data", kwargs={"workspace": export.workspace.slug})
    context = {"workspace": export.workspace, "export": export, "size": ledger.spelt(export.bytes), "link": page}
    to = export.asked_by.email
    write_mail("export", export.pk, to, "studio/mail/export_ready", context, workspace=export.workspace)


def link_to(export: Export) -> str:
    """A link of an hour to the file of one that is ready."""
    name = download_name(f"{export.workspace.name} {export.created_at:%Y-%m-%d}.zip")
    return signed_link(export.file, download_as=name, seconds=LINK_SECONDS)


def expire_export(export: Export) -> bool:
    """Delete the file of one whose week is over."""
    with transaction.atomic():
        found = Export.objects.filter(pk=export.pk, state=ExportState.READY, expires_at__lte=timezone.now())
        done = found.update(state=ExportState.EXPIRED, expires_at=None, file="")
        if done:
            ledger.let_go(export.file)
    return bool(done)


KINDS = (
    Kind("export", Export.objects.all, task="studio.export", argument="export_id"),
    Kind("export_file", Export.objects.all, at="expires_at", act=expire_export, what="Deleting an export on time"),
)
