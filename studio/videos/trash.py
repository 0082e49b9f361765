"""Bin of a workspace: deleted videos, which can be had back for 30 days and count as stored until they are gone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from avatarsite.audit.record import record
from avatarsite.queue.due_rows import Kind
from avatarsite.workspaces.models import Workspace
from studio.library import StillNeeded, delete_video
from studio.models import Delivery, DeliveryState, Render

KEPT = timedelta(days=30)
MAX_BACK = 200  # had back at once
NOT_DELIVERED = "The video was deleted before the address had taken it."


def bin_video(render: Render) -> None:
    """Put an ended video into the bin. Twice is once. Raises StillNeeded while it is made."""
    with transaction.atomic():
        render = Render.objects.select_for_update(of=("self",)).get(pk=render.pk)
        if not render.ended:
            raise StillNeeded("This video is still being made. Cancel it first, or wait for its end.")
        if render.purge_at is not None:
            return
        Render.objects.filter(pk=render.pk).update(purge_at=timezone.now() + KEPT)
        # Whoever deletes a video does not want it to be sent any more.
        Delivery.objects.filter(render=render, state=DeliveryState.WAITING).update(
            state=DeliveryState.GIVEN_UP, next_try_at=None, ended_at=timezone.now(), last_answer=NOT_DELIVERED
        )
        what = f"The video {render.title} was put into the bin"
        record("video.binned", what, workspace=render.workspace, target=render.pk)


def restore_video(render: Render) -> bool:
    """Take it out of the bin again. False if it was not in there."""
    with transaction.atomic():
        back = Render.objects.filter(pk=render.pk, purge_at__isnull=False).update(purge_at=None)
        if back:
            what = f"The video {render.title} was taken out of the bin"
            record("video.restored", what, workspace=render.workspace, target=render.pk)
    return bool(back)


def restore_videos(workspace: Workspace, ids: Sequence[str]) -> list[Render]:
    """Those of the workspace's bin, out of it again. Which."""
    named = [pk for pk in ids if pk.isprintable()][:MAX_BACK]
    return [render for render in binned(workspace).filter(pk__in=named) if restore_video(render)]


def binned(workspace: Workspace) -> QuerySet[Render]:
    """What is in the bin, newest first."""
    return Render.objects.with_binned(workspace).filter(purge_at__isnull=False).order_by("-id")


def empty_bin(workspace: Workspace) -> int:
    """Delete for good what is in it now. How many."""
    gone = list(binned(workspace))
    for render in gone:
        delete_video(render)
    return len(gone)


def purge(render: Render) -> bool:
    """Delete it for good if its time in the bin is over. Somebody may have taken it out just now."""
    with transaction.atomic():
        due = Render.objects.select_for_update(of=("self",)).filter(pk=render.pk, purge_at__lte=timezone.now())
        found = due.first()
        if found:
            delete_video(found)
    return found is not None


KIND = Kind("bin", Render.objects.all, at="purge_at", act=purge, what="Emptying the bin")
