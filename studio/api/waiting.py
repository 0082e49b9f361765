"""Waiting for a render's end: one small query now and then, and no transaction in between."""

from __future__ import annotations

import time

from studio.models import Render
from studio.models.renders import ENDED

FIRST, LONGEST = 0.2, 2.0


def until_ended(render: Render, *, seconds: float) -> Render:
    """The render when it has ended, or after ``seconds``; as it was before if it is deleted meanwhile."""
    until, pause = time.monotonic() + seconds, FIRST
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(pause, left))
        pause = min(pause * 1.3, LONGEST)
        state = Render.objects.filter(pk=render.pk).values_list("state", flat=True).first()
        if state is None or state in ENDED:
            break
    return Render.objects.filter(pk=render.pk).first() or render
