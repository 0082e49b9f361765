"""Acceptance of the terms and the privacy notice, by whoever creates an account."""

from __future__ import annotations

from typing import Any

from allauth.account.signals import user_signed_up
from django.dispatch import receiver

from avatarsite.audit.actor import current
from avatarsite.legal.models import Acceptance, Page
from avatarsite.legal.texts import wording_of
from avatarsite.workspaces.models import User

ACCEPTED = (Page.TERMS, Page.PRIVACY)


@receiver(user_signed_up)
def accept_at_sign_up(user: User, **_: Any) -> None:
    """The page beside the button has said so, and links to both."""
    wordings = [wording_of(page) for page in ACCEPTED]
    Acceptance.objects.bulk_create(
        Acceptance(user=user, page=one.page, text=one.row, digest=one.digest, address=current().address)
        for one in wordings
    )
