"""Telling the person who asked. A Notice row per render and channel, so that nobody is told twice."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import timezone

from avatarsite import jobs
from billing.money import usd, usd_at_most
from studio.models import Notice, Render, RenderState

logger = logging.getLogger(__name__)

EMAIL = "email"
MAX_TRIES = 5
# Longer than any mail server takes to answer, so that a slow one is not asked twice.
TRY_AGAIN_AFTER = timedelta(minutes=10)
# A draft is there before its mail would be; who waits on the page needs none.
WORTH_A_MAIL = timedelta(seconds=45)


def file_notice(render: Render) -> None:
    """Owe the person who asked a mail; called in the transaction that ends the render."""
    if not _is_due(render):
        return
    Notice.objects.get_or_create(render=render, channel=EMAIL, defaults={"next_try_at": timezone.now()})
    jobs.enqueue("studio.notify", render_id=render.pk)


def notify_render(render_id: str) -> bool:
    """Send what is due about an ended render. True if something was sent by this call."""
    now = timezone.now()
    notice = Notice.objects.filter(render=render_id, channel=EMAIL, next_try_at__lte=now).first()
    if notice is None:
        return False
    last = notice.tries + 1 >= MAX_TRIES
    claimed = Notice.objects.filter(pk=notice.pk, tries=notice.tries, next_try_at=notice.next_try_at).update(
        tries=notice.tries + 1, next_try_at=None if last else now + TRY_AGAIN_AFTER
    )
    if not claimed:
        return False
    _mail(Render.objects.select_related("requested_by", "workspace").get(pk=render_id), notice)
    Notice.objects.filter(pk=notice.pk).update(sent_at=timezone.now(), next_try_at=None)
    return True


def unsent_notices() -> list[str]:
    """Ids of renders whose notice is due and was dropped; asked by the sweep."""
    due = Notice.objects.filter(next_try_at__lte=timezone.now()).order_by("next_try_at")
    return list(due.values_list("render_id", flat=True)[:100])


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
        "held": usd_at_most(render.ceiling_micros),
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
