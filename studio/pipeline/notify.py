"""Notices to whoever asked: one mail for what was asked for in one breath, owed with the end of its last render."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Q, Sum
from django.utils import timezone

from avatarsite.mail.messages import write_mail
from avatarsite.workspaces.mail_choice import FINISHED, no_more_link, wants_finished
from avatarsite.workspaces.models import Member
from billing.money import usd, usd_at_most
from studio.models import Render, RenderGroup, RenderState
from studio.models.renders import ALIVE

# A draft is there before its mail would be; who waits on the page needs none.
WORTH_A_MAIL = timedelta(seconds=45)


def file_notice(render: Render) -> None:
    """Owe the person who asked a mail; called in the transaction that ends the render, at its very end."""
    if not render.notify or render.requested_by is None or not _is_worth_it(render):
        return
    here = Member.objects.filter(workspace=render.workspace_id, user=render.requested_by, user__is_active=True)
    if not wants_finished(render.requested_by) or not here.exists():
        return
    if render.group_id is None:
        if render.state in (RenderState.READY, RenderState.FAILED):
            _write(render, render.pk, "studio/mail/render_ended", _about_one(render))
    elif facts := _about_all(render.group_id):
        _write(render, render.group_id, "studio/mail/batch_ended", facts)


def _is_worth_it(render: Render) -> bool:
    asked_at = render.group.created_at if render.group else render.created_at
    return timezone.now() - asked_at >= WORTH_A_MAIL


def _about_one(render: Render) -> dict[str, Any]:
    return {
        "ready": render.state == RenderState.READY,
        "charge": usd(render.charge_micros or 0),
        "held": usd_at_most(render.ceiling_micros),
        "link": f"{settings.SITE_URL}/w/{render.workspace.slug}/videos/{render.pk}/",
    }


def _about_all(group_id: str) -> dict[str, Any]:
    """What came of a group, nothing while one of it is alive or when all were cancelled.

    The group is locked, so that of two renders that end at once the second one sees the first.
    """
    group = (
        RenderGroup.objects.select_for_update(of=("self",), no_key=True).select_related("workspace").get(pk=group_id)
    )
    facts = Render.objects.filter(group=group).aggregate(
        alive=Count("pk", filter=Q(state__in=ALIVE)),
        ready=Count("pk", filter=Q(state=RenderState.READY)),
        failed=Count("pk", filter=Q(state=RenderState.FAILED)),
        cancelled=Count("pk", filter=Q(state=RenderState.CANCELLED)),
        charged=Sum("charge_micros", default=0),
        parts_paid=Count("pk", filter=~Q(state=RenderState.READY) & Q(charge_micros__gt=0)),
    )
    if facts["alive"] or not facts["ready"] + facts["failed"]:
        return {}
    link = f"{settings.SITE_URL}/w/{group.workspace.slug}/videos/"
    return {**facts, "charged": usd(facts["charged"]), "group": group, "link": link}


def _write(render: Render, about: str, template: str, facts: dict[str, Any]) -> None:
    assert render.requested_by is not None  # noqa: S101 -- file_notice has looked
    person, link = render.requested_by, no_more_link(render.requested_by)
    write_mail(
        FINISHED,
        about,
        person.email,
        template,
        {"render": render, "no_more": link, **facts},
        workspace=render.workspace,
        headers={"List-Unsubscribe": f"<{link}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
    )
