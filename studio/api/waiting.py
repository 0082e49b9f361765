"""Waiting for a render's end or a person's decision: one small query now and then, no transaction in between."""

from __future__ import annotations

import time
from collections.abc import Callable

from avatarsite.web.places import Place
from studio.models import Approval, ApprovalState, Render, Speech, SpeechState
from studio.models.renders import ENDED

INITIAL_PAUSE, MAX_PAUSE = 0.2, 2.0


def until_ended(render: Render, *, seconds: float) -> Render:
    """The render when it has ended, after ``seconds``, or as soon as nobody waits for it any more.

    As it was before if it is deleted meanwhile. Raises NoPlace.
    """
    _wait(render.workspace_id, seconds, lambda: _has_ended(render))
    return Render.objects.filter(pk=render.pk).first() or render


def until_decided(approval: Approval, *, seconds: float) -> Approval:
    """As ``until_ended``, of an approval that somebody decides or that expires."""

    def is_decided() -> bool:
        approval.refresh_from_db(fields=["state", "expires_at"])
        return approval.stands != ApprovalState.WAITING

    _wait(approval.workspace_id, seconds, is_decided)
    approval.refresh_from_db()
    return approval


def _wait(workspace_id: str, seconds: float, is_over: Callable[[], bool]) -> None:
    until, pause = time.monotonic() + seconds, INITIAL_PAUSE
    with Place(workspace_id) as place:
        while (left := until - time.monotonic()) > 0 and place.pause(min(pause, left)):
            pause = min(pause * 1.3, MAX_PAUSE)
            if is_over():
                break


def until_spoken(speech: Speech, *, seconds: float) -> Speech:
    """As ``until_ended``, of a speech."""
    until, pause, rows = time.monotonic() + seconds, INITIAL_PAUSE, Speech.objects.filter(pk=speech.pk)
    with Place(speech.workspace_id) as place:
        while (left := until - time.monotonic()) > 0 and place.pause(min(pause, left)):
            pause = min(pause * 1.3, MAX_PAUSE)
            if not rows.filter(state=SpeechState.SPEAKING).exists():
                break
    return rows.select_related("upload").first() or speech


def _has_ended(render: Render) -> bool:
    state = Render.objects.filter(pk=render.pk).values_list("state", flat=True).first()
    return state is None or state in ENDED
