"""The mail that tests cause: rows first, and in Django's outbox once they are sent."""

from __future__ import annotations

from datetime import timedelta

from django.core import mail
from django.core.mail import EmailMultiAlternatives

from avatarsite.mail.models import MailLease, MailMessage, MailState
from avatarsite.mail.sender import send_due


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
    for turn in MailLease.objects.all():
        MailLease.objects.update(leased_until=turn.leased_until - passed)
