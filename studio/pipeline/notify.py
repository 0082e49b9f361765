"""Telling the person who asked: a mail that is owed in the transaction that ends the render."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings

from avatarsite.mail.messages import write_mail
from billing.money import usd, usd_at_most
from studio.models import Render, RenderState

FINISHED = "render_ended"
# A draft is there before its mail would be; who waits on the page needs none.
WORTH_A_MAIL = timedelta(seconds=45)


def file_notice(render: Render) -> None:
    """Owe the person who asked a mail; called in the transaction that ends the render."""
    person = render.requested_by
    if person is None or not person.is_active or not _is_due(render):
        return
    context = {
        "render": render,
        "ready": render.state == RenderState.READY,
        "charge": usd(render.charge_micros or 0),
        "held": usd_at_most(render.ceiling_micros),
        "link": f"{settings.SITE_URL}/w/{render.workspace.slug}/videos/{render.pk}/",
    }
    write_mail(FINISHED, render.pk, person.email, "studio/mail/render_ended", context, workspace=render.workspace)


def _is_due(render: Render) -> bool:
    if render.state not in (RenderState.READY, RenderState.FAILED) or render.finished_at is None:
        return False
    return render.finished_at - render.created_at >= WORTH_A_MAIL
