"""The mail that tests cause: rows first, and in Django's outbox once they are sent."""

from __future__ import annotations

from datetime import timedelta

from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.db.models import F

from avatarsite.mail.models import MailMessage, MailState
from avatarsite.mail.sender import SEND_MAIL, send_due
from avatarsite.models import Lease


def posted() -> list[EmailMultiAlternatives]:
    """Everything that has been sent, after what is due has been."""
    send_due()
    return mail.outbox  # type: ignore[no-any-return]


def later(**time: float) -> None:
    """As if so much time had passed for the mail that waits and for the sender."""
    passed = timedelta(**time)
    for row in MailMessage.objects.filter(state=MailState.WAITING):
        assert row.next_try_at
        MailMessage.objects.filter(pk=row.pk).update(
            next_try_at=row.next_try_at - passed,
            give_up_at=row.give_up_at - passed,
            created_at=row.created_at - passed,
        )
    Lease.objects.filter(task=SEND_MAIL).update(expires_at=F("expires_at") - passed)
