"""Mail preferences of a person: kinds of mail that may be left, on the account page or by the link in each of them.

What is about money or about signing in is in none of them: it always comes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core import signing
from django.urls import reverse

from avatarsite.mail.messages import withdraw, write_mail
from avatarsite.workspaces.models import User, Workspace

FINISHED, ENDPOINT, SUMMARY = "render_ended", "endpoint", "summary"
_SALT = "avatarsite.workspaces.mail_choice"


@dataclass(frozen=True, slots=True)
class Choice:
    """A kind of mail, the column of a person that says whether they want it, and what it is about."""

    kind: str
    column: str
    about: str


CHOICES = {
    choice.kind: choice
    for choice in (
        Choice(FINISHED, "mail_finished", "finished videos and comments on them"),
        Choice(ENDPOINT, "mail_endpoint", "webhooks that stop"),
        Choice(SUMMARY, "mail_summary", "a month’s summary"),
    )
}


def wants(person: User, kind: str) -> bool:
    return person.is_active and bool(getattr(person, CHOICES[kind].column))


def write_optional(  # noqa: PLR0913, PLR0917 -- the columns of the row, and what its text is made of
    kind: str, about: str, person: User, template: str, context: dict[str, Any], workspace: Workspace
) -> None:
    """As ``write_mail``, to a person who wants mails of this kind, with the link that ends them."""
    if not wants(person, kind):
        return
    link = no_more_link(person, kind)
    headers = {"List-Unsubscribe": f"<{link}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    facts = {**context, "no_more": link}
    write_mail(kind, about, person.email, template, facts, workspace=workspace, headers=headers)


def no_more_link(person: User, kind: str) -> str:
    """An address that switches the mails off without signing in; it does nothing else, so it never ends."""
    token = signing.dumps([str(person.pk), kind], salt=_SALT)
    return settings.SITE_URL + reverse("mail_no_more", kwargs={"token": token})


def named_by(token: str) -> tuple[User, Choice] | None:
    """Whose mails, and which, a link is about. One of before there were kinds is about finished videos."""
    try:
        said = signing.loads(token, salt=_SALT)
    except signing.BadSignature:
        return None
    pk, kind = said if isinstance(said, list) else (said, FINISHED)
    person = User.objects.filter(pk=pk).first()
    return (person, CHOICES[kind]) if person and kind in CHOICES else None


def switch_off(person: User, choice: Choice) -> None:
    """No more mails of this kind, and those that wait are not sent. Twice is once."""
    User.objects.filter(pk=person.pk).update(**{choice.column: False})
    withdraw(person.email, kind=choice.kind)
