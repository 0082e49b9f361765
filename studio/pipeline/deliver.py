"""Delivery of a finished video to the address that its customer named, until it is taken or it is time to give up."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import BinaryIO, cast

from asgiref.sync import sync_to_async
from django.core.files.storage import default_storage
from django.utils import timezone

from avatarsite.http.client import run
from avatarsite.http.pinning import NO_ANSWER
from avatarsite.http.public_addresses import AddressRefused, host_of
from avatarsite.http.put import Parcel, put_file
from avatarsite.queue.due_rows import backoff
from studio.models import Delivery, DeliveryState, Render
from studio.pipeline.request.options import trusted_endpoints
from studio.pipeline.states import note
from studio.providers.http.asking import unanswered
from studio.storage.types import content_type_of

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=120)  # renewed while the file goes out
MAX_TRIES = 12  # over about nine hours
INITIAL_WAIT, MAX_WAIT = 5, 2 * 3600
# The customer's address has understood and will not take it, however often it is asked.
LASTING = frozenset({400, 401, 403, 404, 405, 409, 410, 411, 412, 413, 414, 415, 422, 501, 505})
REDIRECTS = range(300, 400)


class _Lost(Exception):
    """The delivery is no longer ours to make."""


def deliver_video(render_id: str) -> bool:
    """Try once, if it is due. True if the address took the video now."""
    delivery = Delivery.objects.select_related("render").filter(render_id=render_id).first()
    if delivery is None or not delivery.claim(LEASE):
        return False
    if delivery.tries > MAX_TRIES or not delivery.render.video:
        return _end(delivery, DeliveryState.GIVEN_UP, "It was tried often enough.")
    if delivery.render.withheld_at:
        return _end(delivery, DeliveryState.GIVEN_UP, "The video is withheld.")
    try:
        trusted = trusted_endpoints().may_get_key(delivery.url)
        status = run(put_file, delivery.url, _parcel(delivery.render), trusted=trusted, alive=_renewing(delivery))
    except AddressRefused as refusal:
        return _end(delivery, DeliveryState.GIVEN_UP, refusal.of_link)
    except _Lost:
        return False
    except (*NO_ANSWER, OSError) as error:
        if delivery.waits_out(error):
            return False
        why = unanswered(error) if isinstance(error, NO_ANSWER) else error
        logger.warning("%s: delivery %s failed: %s", render_id, delivery.tries, type(why).__name__)
        return _again(delivery, f"No answer: {why}")
    return _answered(delivery, status)


def _answered(delivery: Delivery, status: int) -> bool:
    delivery.last_status = status
    Delivery.objects.filter(pk=delivery.pk).update(last_status=status)
    if 200 <= status < 300:
        return _end(delivery, DeliveryState.DELIVERED, f"It answered {status}.")
    if status in REDIRECTS:
        return _end(
            delivery, DeliveryState.GIVEN_UP, f"It answered {status}: it leads elsewhere, which isn’t followed."
        )
    if status in LASTING:
        return _end(delivery, DeliveryState.GIVEN_UP, f"It answered {status}: it will not take the video.")
    return _again(delivery, f"It answered {status}.")


def _renewing(delivery: Delivery) -> Callable[[], Awaitable[None]]:
    async def renew() -> None:
        if not await sync_to_async(delivery.put_off)(LEASE):
            raise _Lost

    return renew


def _again(delivery: Delivery, answer: str) -> bool:
    if delivery.tries >= MAX_TRIES:
        return _end(delivery, DeliveryState.GIVEN_UP, f"{answer} It was tried {delivery.tries} times.")
    delivery.put_off(backoff(delivery.tries, first=INITIAL_WAIT, most=MAX_WAIT), last_answer=answer[:300])
    return False


def _end(delivery: Delivery, state: DeliveryState, answer: str) -> bool:
    ended = delivery.finish(state=state, ended_at=timezone.now(), last_answer=answer[:300])
    if ended:
        taken = state == DeliveryState.DELIVERED
        reason = "sent to the address that was named" if taken else "the address that was named did not take the video"
        note(delivery.render, reason, detail={"host": host_of(delivery.url), "answer": answer[:300]})
    return ended and state == DeliveryState.DELIVERED


def _parcel(render: Render) -> Parcel:
    name = render.video.name or "" if render.video else ""

    def opened() -> BinaryIO:
        return cast("BinaryIO", default_storage.open(name, "rb"))

    return Parcel(opened, render.video_bytes or 0, content_type_of(name))
