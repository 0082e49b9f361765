"""Withholding of a finished video: its files stay here, and nobody is given them until it is released.

It is ready and charged like any other, because it was made.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from avatarsite.audit.record import record
from avatarsite.outbox import events
from avatarsite.queue import jobs
from avatarsite.workspaces.models import User
from studio.errors import RequestRefused
from studio.models import Delivery, Render, RenderState
from studio.models.content import ContentCheck, IfFlagged
from studio.models.renders import WithheldFor
from studio.pipeline import states
from studio.representation import serialize_render

WITHHELD, RELEASED = "render.withheld", "render.released"
GIVEN_BACK = {"withheld_at": None, "withheld_for": "", "withheld_why": ""}


def withheld_as_asked(render: Render, flagged: bool | None) -> dict[str, Any]:
    """The columns of a video that is about to be ready: none where it is to be given out."""
    asked = render.options.get("content_check", ContentCheck.NONE) != ContentCheck.NONE or flagged
    if render.options.get("if_flagged") != IfFlagged.WITHHOLD or not asked or flagged is False:
        return {}
    why = WithheldFor.FLAGGED if flagged else WithheldFor.UNCHECKED
    return {"withheld_at": timezone.now(), "withheld_for": why}


def deliver_to_endpoint(render: Render, now: datetime) -> None:
    """Owe the file to the address that was named, in the caller's transaction; not while the video is withheld."""
    endpoint = render.options.get("upload_endpoint")
    if endpoint and render.withheld_at is None and not Delivery.objects.filter(render=render).exists():
        Delivery.objects.create(render=render, url=endpoint, next_try_at=now)
        jobs.enqueue("studio.deliver", render_id=render.pk)


def release(render: Render, *, user: User | None) -> bool:
    """Give it out after all, as whoever asked for it wants. False if it is.

    Raises RequestRefused for what the operator withholds.
    """
    with transaction.atomic():
        row = _locked(render)
        if row.withheld_for == WithheldFor.OPERATOR:
            found = "The people who run this service withhold this video."
            raise RequestRefused("render", "withheld", found, "Write to them if you think that this is wrong.")
        if row.withheld_at is None:
            return False
        _give_out(row, "released by its owner")
        what = f"The video {row.title}, withheld after its content check, was released"
        record("video.released", what, workspace=row.workspace, target=row.pk, by=user)
    return True


def withhold(render: Render, *, why: str) -> bool:
    """The operator's lever: from now on nobody is given it, and its customer reads ``why``. False if that is so."""
    with transaction.atomic():
        row = _locked(render)
        if row.state != RenderState.READY or row.withheld_for == WithheldFor.OPERATOR:
            return False
        named = {"withheld_at": timezone.now(), "withheld_for": WithheldFor.OPERATOR, "withheld_why": why}
        _set(row, named)
        states.note(row, "withheld by the operator", detail={"why": why})
        _tell(row, WITHHELD)
        record("video.withheld", f"The video {row.title} was withheld", workspace=row.workspace, target=row.pk, why=why)
    return True


def give_back_out(render: Render, *, why: str) -> bool:
    """The operator's own withholding, taken back. False if there is none."""
    with transaction.atomic():
        row = _locked(render)
        if row.withheld_for != WithheldFor.OPERATOR:
            return False
        _give_out(row, "given out again by the operator")
        what = f"The video {row.title} is given out again"
        record("video.released", what, workspace=row.workspace, target=row.pk, why=why)
    return True


def _give_out(row: Render, reason: str) -> None:
    _set(row, GIVEN_BACK)
    states.note(row, reason)
    deliver_to_endpoint(row, timezone.now())
    _tell(row, RELEASED)


def _locked(render: Render) -> Render:
    return Render.objects.select_for_update(of=("self",)).select_related("workspace").get(pk=render.pk)


def _set(row: Render, columns: dict[str, Any]) -> None:
    """Of a long video its own parts go with it."""
    Render.objects.filter(Q(pk=row.pk) | Q(whole=row)).filter(state=RenderState.READY).update(**columns)
    for name, value in columns.items():
        setattr(row, name, value)


def _tell(row: Render, kind: str) -> None:
    if row.whole_id is None:
        subject, data = f"render:{row.pk}", serialize_render(row)
        events.record_event(row.workspace_id, kind, subject=subject, data=data, also_to=row.webhook_url)
