"""Mail to people: one text template each, from which the HTML part is made.

Paragraphs are divided by an empty line. A paragraph of two lines, a label with a colon and then an address, becomes a
button.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from smtplib import SMTPException
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.formats import date_format

from avatarsite.workspaces.invitations import Issued

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Paragraph:
    text: str
    link: str = ""


def absolute(request: HttpRequest, path: str) -> str:
    """An address for a mail: of PUBLIC_URL when it's set, because a Host header is only what a client says."""
    return f"{settings.PUBLIC_URL}{path}" if settings.PUBLIC_URL else str(request.build_absolute_uri(path))


def compose(template: str, to: str, context: dict[str, Any]) -> EmailMultiAlternatives:
    """A letter from ``<template>_subject.txt`` and ``<template>_message.txt``, as text and as HTML."""
    context = {"site_url": settings.SITE_URL, **context, "email": to}
    subject = " ".join(render_to_string(f"{template}_subject.txt", context).split())
    text = render_to_string(f"{template}_message.txt", context).strip() + "\n"
    letter = EmailMultiAlternatives(subject, text, settings.DEFAULT_FROM_EMAIL, [to])
    page = render_to_string("mail/letter.html", {"subject": subject, "paragraphs": paragraphs(text)})
    letter.attach_alternative(page, "text/html")
    return letter


def paragraphs(text: str) -> list[Paragraph]:
    blocks = [block.strip() for block in text.split("\n\n")]
    return [_paragraph(block) for block in blocks if block]


def _paragraph(block: str) -> Paragraph:
    label, _, link = block.partition("\n")
    if label.endswith(":") and link.startswith(("https://", "http://")) and not any(map(str.isspace, link)):
        return Paragraph(label.removesuffix(":"), link)
    return Paragraph(block)


def deliver(letter: EmailMultiAlternatives) -> bool:
    """Whether the mail server took it. A server that's down must not undo what the mail speaks of."""
    try:
        letter.send()
    except (SMTPException, OSError):
        log.exception("A mail could not be sent: %s", letter.subject)
        return False
    return True


def send_invitation(request: HttpRequest, issued: Issued) -> bool:
    """Mail the link. Call it after the invitation has been committed."""
    invitation = issued.invitation
    by = invitation.invited_by
    context = {
        "site_url": absolute(request, "/").rstrip("/"),
        "invitation": invitation,
        "inviter": by.get_full_name() if by else "Somebody",
        "link": absolute(request, reverse("invitation_link", kwargs={"token": issued.token})),
        "until": date_format(invitation.expires_at, "j F Y"),
    }
    return deliver(compose("workspaces/email/invitation", invitation.email, context))
