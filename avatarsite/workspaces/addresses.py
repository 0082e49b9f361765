"""Keeps allauth's table of addresses in step when an address doesn't come in through its pages."""

from __future__ import annotations

from allauth.account.models import EmailAddress
from django.db import transaction

from avatarsite.workspaces.models import User


def vouch(user: User) -> None:
    """Take ``user.email`` as the person's one address, confirmed: the operator who set it vouches for it."""
    with transaction.atomic():
        EmailAddress.objects.filter(user=user).exclude(email=user.email).delete()
        EmailAddress.objects.update_or_create(user=user, email=user.email, defaults={"verified": True, "primary": True})


def confirmed(user: User, email: str) -> bool:
    """Whether the person has shown that letters to this address reach them."""
    return bool(EmailAddress.objects.filter(user=user, email=email.lower(), verified=True).exists())
