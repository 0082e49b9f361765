"""Work on a long video: its voice is cut, its parts are looked after, and it ends when they have.

One step for each state of the whole, by ``move_whole``. Each claims the row, and may be killed and repeated anywhere.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from avatarsite.alerts import raise_alert
from avatarsite.queue.due_rows import backoff
from studio.media.errors import UploadRefused
from studio.models import Render, RenderState, Whole
from studio.models.renders import ALIVE
from studio.pipeline import states
from studio.pipeline.cancel import finish_cancelled, give_up, stop_parts
from studio.pipeline.failures import WORKER_FAILED
from studio.pipeline.long.again import ask_again
from studio.pipeline.long.cut import CutFailed, cut_parts
from studio.pipeline.long.join import JoinFailed, join_parts
from studio.pipeline.long.tally import parts_of
from studio.storage.types import StoreFailed

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=180)  # renewed while a voice is cut and a file is joined
MAX_TRIES = 5
LOOK_AGAIN = timedelta(minutes=10)
JOIN_FAILED = "Its parts were made, but could not be joined into one file."


def move_whole(whole_id: str) -> bool:
    """Take the next step with a whole, if it is due. True if that has moved it on."""
    work = Whole.objects.select_related("render__hold", "render__workspace", "render__voice", "render__price").get(
        pk=whole_id
    )
    if work.render.ended:
        work.finish()
        return False
    if not work.claim(LEASE):
        return False
    if work.render.state == RenderState.RENDERING:
        return _look(work)
    if work.tries > MAX_TRIES:
        return _give_up(work)
    try:
        step = cut_parts if work.render.state == RenderState.QUEUED else join_parts
        moved = step(work)
    except (CutFailed, JoinFailed, UploadRefused, StoreFailed, OSError) as error:
        logger.warning("%s: %s failed at try %s: %s", whole_id, step.__name__, work.tries, error)
        if work.waits_out(error):
            return False
        return _again(work, str(error))
    if moved and not work.render.ended:
        states.wake_whole(whole_id)
    return moved


def _again(work: Whole, why: str) -> bool:
    if work.tries >= MAX_TRIES:
        return _give_up(work)
    with transaction.atomic():
        if work.put_off(backoff(work.tries, first=2, most=120)):
            doing = "cutting the voice" if work.render.state == RenderState.QUEUED else "joining the parts"
            states.note(work.render, f"{doing} failed and is tried again", detail={"why": why[:300]})
    return False


def _give_up(work: Whole) -> bool:
    whole = work.render
    joining = whole.state == RenderState.JOINING
    done = "joined" if joining else "cut"
    raise_alert("long_video", whole.pk, f"{whole.pk} could not be {done} in {MAX_TRIES} tries.", render=whole.pk)
    message = JOIN_FAILED if joining else WORKER_FAILED
    return give_up(whole, code="join_failed" if joining else "worker_failed", message=message, reason="gave up")


def _look(work: Whole) -> bool:
    """At its parts: all made, some still alive, or one of them lost."""
    whole = work.render
    found = set(Render.objects.filter(uses__whole=whole).values_list("state", flat=True))
    if found == {RenderState.READY}:
        moved = states.advance(whole, RenderState.JOINING, reason="all parts are made")
        if moved:
            states.wake_whole(whole.pk)
        return moved
    if RenderState.FAILED in found and not whole.cancel_requested_at and _all_asked_again(whole):
        work.write(next_try_at=timezone.now() + LOOK_AGAIN, tries=0)
        return False
    if found & {RenderState.FAILED, RenderState.CANCELLED}:
        stop_parts(whole)
        if not parts_of(whole).filter(state__in=ALIVE).exists():
            return _end_lost(whole)
    # Whichever part ends next makes it due; should that be lost, the deadline of the part does.
    work.write(next_try_at=timezone.now() + LOOK_AGAIN, tries=0)
    return False


def _all_asked_again(whole: Render) -> bool:
    """Whether each part that was lost is asked for again; what can't be is lost for good."""
    lost = whole.parts.filter(render__state=RenderState.FAILED).select_related("render__voice", "whole")
    return all(ask_again(part) for part in lost)


def _end_lost(whole: Render) -> bool:
    lost = whole.parts.filter(render__state=RenderState.FAILED).select_related("render").first()
    if lost is None:
        return finish_cancelled(whole, reason="its parts were stopped")
    message = f"Part {lost.number} of {whole.parts_total} could not be made. {lost.render.failure_message}"
    return give_up(whole, code=lost.render.failure_code, message=message, reason="a part could not be made")
