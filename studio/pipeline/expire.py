"""Expiry of a video: its files are deleted when the time its customer set is over. The row and the receipt stay."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from studio.captions.change import remove_captions
from studio.models import Captions, Delivery, DeliveryState, Render, Rendition, rendition_files
from studio.papers import give as papers
from studio.pipeline.states import note
from studio.storage import ledger

REASON = "the files were deleted on time"


def delete_if_due(render: Render) -> bool:
    """Delete the files of this video if their time is over. Doing it twice does no harm."""
    now = timezone.now()
    if render.delete_at is None or render.delete_at > now:
        return False
    # The bytes first: a row that still names them is found again, bytes that no row names would never be.
    captions = Captions.objects.filter(render=render).first()
    files = [render.video.name, render.poster.name, *(captions.files if captions else ()), *rendition_files(render)]
    for name in (*files, *papers.stored_with(files)):
        if name:
            ledger.drop(name)
    with transaction.atomic():
        done = Render.objects.filter(pk=render.pk, delete_at=render.delete_at).update(
            video="", poster="", delete_at=None, files_deleted_at=now
        )
        if done:
            note(render, REASON)
            papers.let_go(files)
            remove_captions(render)
            Rendition.objects.filter(render=render).delete()
            Delivery.objects.filter(render=render, state=DeliveryState.WAITING).update(
                state=DeliveryState.GIVEN_UP,
                next_try_at=None,
                ended_at=now,
                last_answer="The files were deleted on time, before the address had taken the video.",
            )
    if done:
        render.video, render.poster, render.delete_at, render.files_deleted_at = "", "", None, now
    return bool(done)


def seconds_left(render: Render) -> int | None:
    """How long its files still live; None when they have no end."""
    return None if render.delete_at is None else max(0, -((timezone.now() - render.delete_at) // timedelta(seconds=1)))
