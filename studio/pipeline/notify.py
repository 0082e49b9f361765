"""Telling the person who asked. A Notice row per render and channel, so that nobody is told twice."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db.models import Q
from django.template.loader import render_to_string
from django.utils import timezone

from billing.money import usd
from studio.models import Notice, Render, RenderState

logger = logging.getLogger(__name__)

EMAIL = "email"
MAX_TRIES = 5
# A draft is there before its mail would be; who waits on the page needs none.
WORTH_A_MAIL = timedelta(seconds=45)


def notify_render(render_id: str) -> bool:
    """Send what is due about an ended render. True if something was sent by this call."""
    render = Render.objects.select_related("requested_by", "workspace").get(pk=render_id)
    if not _is_due(render):
        return False
    notice, _ = Notice.objects.get_or_create(render=render, channel=EMAIL)
    claimed = Notice.objects.filter(pk=notice.pk, sent_at=None, tries=notice.tries, tries__lt=MAX_TRIES).update(
        tries=notice.tries + 1
    )
    if not claimed:
        return False
    _mail(render, notice)
    Notice.objects.filter(pk=notice.pk).update(sent_at=timezone.now())
    return True


def unsent_notices() -> list[str]:
    """Ids of renders whose notice was begun and not sent; asked by the sweep."""
    unsent = Q(notices__sent_at=None, notices__tries__lt=MAX_TRIES, notices__isnull=False)
    return list(Render.objects.filter(unsent).values_list("pk", flat=True)[:100])


def _is_due(render: Render) -> bool:
    if render.state not in (RenderState.READY, RenderState.FAILED) or render.finished_at is None:
        return False
    if render.requested_by is None or not render.requested_by.is_active:
        return False
    return render.finished_at - render.created_at >= WORTH_A_MAIL


def _mail(render: Render, notice: Notice) -> None:
    ready = render.state == RenderState.READY
    context = {
        "render": render,
        "ready": ready,
        "charge": usd(render.charge_micros or 0),
        "held": usd(render.ceiling_micros),
        "link": f"{settings.SITE_URL}/w/{render.workspace.slug}/videos/{render.pk}/",
    }
    subject = f"Your video is ready: {render.title}" if ready else f"Your video could not be made: {render.title}"
    assert render.requested_by is not None  # noqa: S101 -- _is_due has looked
    mail = EmailMultiAlternatives(
        subject=" ".join(subject.split()),
        body=render_to_string("studio/mail/render_ended.txt", context),
        to=[render.requested_by.email],
        # The same message twice has the same id, so a mailbox shows it once.
        headers={"Message-ID": f"<{render.pk}.{notice.channel}@avatar-studio>"},
    )
    mail.send()
