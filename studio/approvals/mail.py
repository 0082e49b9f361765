"""The mail that somebody's yes is waited for, to the token's maker."""

from __future__ import annotations

from django.conf import settings
from django.urls import reverse

from avatarsite.mail.messages import write_mail
from billing.money import usd_at_most
from studio.models import Approval


def mail_approval(approval: Approval) -> None:
    """Owe it, in the transaction that keeps the request."""
    if approval.asked_for is None:
        return
    page = reverse("approvals", kwargs={"workspace": approval.workspace.slug})
    context = {
        "approval": approval,
        "price": usd_at_most(approval.ceiling_micros),
        "link": f"{settings.SITE_URL}{page}#{approval.pk}",
    }
    to = approval.asked_for.email
    write_mail("approval", approval.pk, to, "studio/mail/approval", context, workspace=approval.workspace)
