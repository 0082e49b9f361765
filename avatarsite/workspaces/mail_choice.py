"""Mail preferences of a person: those about finished videos are switched off on the account page, or by their link."""

from __future__ import annotations

from django.conf import settings
from django.core import signing
from django.urls import reverse

from avatarsite.mail.messages import withdraw
from avatarsite.workspaces.models import User

FINISHED = "render_ended"
_SALT = "avatarsite.workspaces.mail_choice"


def wants_finished(person: User) -> bool:
    return person.is_active and person.mail_finished


def no_more_link(person: User) -> str:
    """An address that switches the mails off without signing in; it does nothing else, so it never ends."""
    return settings.SITE_URL + reverse("mail_no_more", kwargs={"token": signing.dumps(person.pk, salt=_SALT)})


def person_of(token: str) -> User | None:
    try:
        return User.objects.filter(pk=signing.loads(token, salt=_SALT)).first()
    except signing.BadSignature:
        return None


def switch_off(person: User) -> None:
    """No more mails about finished videos, and those that wait are not sent. Twice is once."""
    User.objects.filter(pk=person.pk).update(mail_finished=False)
    withdraw(person.email, kind=FINISHED)
