"""Waiting for a render's end: one small query now and then, and no transaction in between."""

from __future__ import annotations

import time

from avatarsite.web.places import Place
from studio.models import Render
from studio.models.renders import ENDED

INITIAL_PAUSE, MAX_PAUSE = 0.2, 2.0


def until_ended(render: Render, *, seconds: float) -> Render:
    """The render when it has ended, after ``seconds``, or as soon as nobody waits for it any more.

    As it was before if it is deleted meanwhile. Raises NoPlace.
    """
    until, pause = time.monotonic() + seconds, INITIAL_PAUSE
    with Place(render.workspace_id) as place:
        while (left := until - time.monotonic()) > 0 and place.pause(min(pause, left)):
            pause = min(pause * 1.3, MAX_PAUSE)
            if _has_ended(render):
                break
    return Render.objects.filter(pk=render.pk).first() or render


def _has_ended(render: Render) -> bool:
    state = Render.objects.filter(pk=render.pk).values_list("state", flat=True).first()
    return state is None or state in ENDED
