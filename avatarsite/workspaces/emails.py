"""E-mail addresses that don't come in through allauth's pages: its table is kept in step."""

from __future__ import annotations

from allauth.account.models import EmailAddress
from django.db import transaction

from avatarsite.workspaces.models import User


def set_confirmed_email(user: User) -> None:
    """Take ``user.email`` as the person's one address, confirmed: the operator who set it vouches for it."""
    with transaction.atomic():
        EmailAddress.objects.filter(user=user).exclude(email=user.email).delete()
        EmailAddress.objects.update_or_create(user=user, email=user.email, defaults={"verified": True, "primary": True})


def delete_unconfirmed(email: str) -> None:
    """Drop what others have asked to change their address to and not confirmed: asking for it doesn't take it."""
    waiting = EmailAddress.objects.filter(email=email.lower(), verified=False)
    waiting.exclude(user__email=email.lower()).delete()


def is_confirmed(user: User, email: str) -> bool:
    """Whether the person has shown that mail to this address reaches them."""
    return bool(EmailAddress.objects.filter(user=user, email=email.lower(), verified=True).exists())
