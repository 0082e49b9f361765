"""Changes of a video's captions, each in one transaction; what has to be made then is a task's."""

from __future__ import annotations

import time

from django.db import transaction
from django.utils import timezone

from avatarsite.queue import jobs
from studio.captions.wish import Wish
from studio.errors import RequestRefused
from studio.media.captions.errors import CaptionsRefused
from studio.models import Captions, Render, RenderState
from studio.papers import give as papers
from studio.storage import ledger

TASK = "studio.captions"
ENDED_WITHOUT = (RenderState.FAILED, RenderState.CANCELLED)


def wish_for(render: Render, wish: Wish) -> Captions:
    """Note them with a render that is asked for, in the caller's transaction: they are made once there is a video."""
    return Captions.objects.create(render=render, version=_now(), **wish.columns)


def set_captions(render: Render, wish: Wish, *, version: int | None = None) -> Captions:
    """Put these in the place of what there was. ``version`` is what they are a change of.

    Raises CaptionsRefused, and StorageFull where a video with captions finds no room.
    """
    with transaction.atomic():
        render = Render.objects.select_for_update(of=("self",)).select_related("workspace").get(pk=render.pk)
        _check_there(render)
        old = Captions.objects.filter(render=render).first()
        if version is not None and (old is None or old.version != version):
            told = "Somebody else has changed these captions meanwhile."
            raise CaptionsRefused("captions_changed", told, "Read them again, then change them.", field="cues")
        is_ready = render.state == RenderState.READY
        if wish.burn and is_ready and not (old and old.video):
            ledger.check_room(render.workspace, render.video_bytes or 0, field="burn")
        _let_go(old)
        fresh = {"srt": "", "vtt": "", "video": "", "failure": "", "burn_failure": "", "tries": 0}
        due = timezone.now() if is_ready else None
        captions, _ = Captions.objects.update_or_create(
            render=render, defaults={**fresh, **wish.columns, "version": _now(), "next_try_at": due}
        )
        if is_ready:
            jobs.enqueue(TASK, render_id=render.pk)
    return captions


def begin(render: Render) -> None:
    """The video is there: whatever is still to be made is due now. In the transaction that makes it ready."""
    captions = Captions.objects.filter(render=render).first()
    if captions and not captions.failure and (not captions.vtt or captions.burn):
        Captions.objects.filter(pk=captions.pk).update(next_try_at=timezone.now(), tries=0)
        jobs.enqueue(TASK, render_id=render.pk)


def remove_captions(render: Render) -> bool:
    """Delete them and their files. False if there are none."""
    with transaction.atomic():
        captions = Captions.objects.select_for_update(of=("self",)).filter(render=render).first()
        if captions is None:
            return False
        _let_go(captions)
        captions.delete()
    return True


def _check_there(render: Render) -> None:
    if render.state in ENDED_WITHOUT or render.files_deleted_at:
        told = "Its files were deleted." if render.files_deleted_at else "There is no video: it was not made."
        raise RequestRefused("render", "captions_too_late", told, "Ask for the video again, with captions.")


def _let_go(captions: Captions | None) -> None:
    files = captions.files if captions else []
    ledger.let_go(*files, *papers.let_go(files))


def _now() -> int:
    """Rises with each change, also of captions that were deleted before: files never have the name of older ones."""
    return time.time_ns() // 1_000
