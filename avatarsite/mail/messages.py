"""Messages: written as rows in the transaction of the fact that they tell of, from one text template each.

Paragraphs are divided by an empty line. A paragraph of two lines, a label with a colon and then an address, becomes a
button.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone

from avatarsite.mail.models import MailMessage, MailState
from avatarsite.queue import jobs
from avatarsite.workspaces.encryption import decrypt, encrypt
from avatarsite.workspaces.models import Workspace

logger = logging.getLogger(__name__)

# How long a server may refuse before a message is no news any more; no link in one lives shorter.
PATIENCE = timedelta(days=2)
RETENTION = timedelta(days=60)
SUBJECT_LENGTH = 500
# To one address in a day, by kind, so that nobody's mailbox is flooded in our name.
MAX_A_DAY = 100
MAX_SECRET_A_DAY = 20


@dataclass(frozen=True)
class Paragraph:
    text: str
    link: str = ""


def absolute(request: HttpRequest, path: str) -> str:
    """An address for a mail: of PUBLIC_URL when it's set, because a Host header is only what a client says."""
    return f"{settings.PUBLIC_URL}{path}" if settings.PUBLIC_URL else str(request.build_absolute_uri(path))


def write_mail(  # noqa: PLR0913 -- the columns of the row, and what its text is made of
    kind: str,
    about: str,
    to: str,
    template: str,
    context: dict[str, Any],
    *,
    workspace: Workspace | None = None,
    secret: bool = False,
    headers: dict[str, str] | None = None,
) -> None:
    """Owe a message, in the caller's transaction, from ``<template>_subject.txt`` and ``<template>_message.txt``.

    ``kind`` and ``about`` name the fact: the same again to the same address writes nothing.
    """
    context = {"site_url": settings.SITE_URL, **context, "email": to}
    now = timezone.now()
    text = render_to_string(f"{template}_message.txt", context).strip() + "\n"
    withheld = _too_many(kind, to, secret=secret)
    row = MailMessage(
        key=_key(kind, about, to),
        kind=kind,
        to=to,
        workspace=workspace,
        subject=" ".join(render_to_string(f"{template}_subject.txt", context).split())[:SUBJECT_LENGTH],
        text="" if withheld else encrypt(text) if secret else text,
        secret=secret,
        headers=headers or {},
        state=MailState.WITHHELD if withheld else MailState.WAITING,
        next_try_at=None if withheld else now,
        give_up_at=now + PATIENCE,
        created_at=now,
    )
    MailMessage.objects.bulk_create([row], ignore_conflicts=True)
    if withheld:
        logger.warning("A mail of the kind %s was withheld: too many to one address today", kind)
    else:
        jobs.enqueue("avatarsite.send_mail")


def build_message(mail: MailMessage) -> EmailMultiAlternatives:
    """The message as it goes out. Raises Unreadable for a text that was encrypted with a lost key.

    Its Message-ID is always the same, so that a mailbox shows once what a crash of ours had to send twice.
    """
    text = decrypt(mail.text) if mail.secret else mail.text
    named = {"Message-ID": f"<{sha256(mail.key.encode()).hexdigest()[:40]}@avatar-studio>"}
    message = EmailMultiAlternatives(mail.subject, text, settings.DEFAULT_FROM_EMAIL, [mail.to])
    message.extra_headers = {**mail.headers, **named}
    page = render_to_string("mail/base.html", {"subject": mail.subject, "paragraphs": paragraphs(text)})
    message.attach_alternative(page, "text/html")
    return message


def withdraw(to: str, *, workspace: Workspace | None = None, kind: str = "") -> int:
    """Forget what waits for an address that is not to have it any more: of a workspace, or of a kind. How many."""
    waiting = MailMessage.objects.filter(to=to, state=MailState.WAITING)
    if workspace is not None:
        waiting = waiting.filter(workspace=workspace)
    if kind:
        waiting = waiting.filter(kind=kind)
    return waiting.delete()[0]


def forget_old_mail() -> int:
    """Delete what has been sent, given up or withheld long ago; returns how many."""
    old = MailMessage.objects.filter(created_at__lt=timezone.now() - RETENTION).exclude(state=MailState.WAITING)
    return old.delete()[0]


def paragraphs(text: str) -> list[Paragraph]:
    blocks = [block.strip() for block in text.split("\n\n")]
    return [_paragraph(block) for block in blocks if block]


def _paragraph(block: str) -> Paragraph:
    label, _, link = block.partition("\n")
    if label.endswith(":") and link.startswith(("https://", "http://")) and not any(map(str.isspace, link)):
        return Paragraph(label.removesuffix(":"), link)
    return Paragraph(block)


def _key(kind: str, about: str, to: str) -> str:
    # The address by its hash: it may be longer than the key.
    return f"{kind}:{about}:{sha256(to.encode()).hexdigest()[:16]}"


def _too_many(kind: str, to: str, *, secret: bool) -> bool:
    today = MailMessage.objects.filter(to=to, kind=kind, created_at__gt=timezone.now() - timedelta(days=1))
    return today.exclude(state=MailState.WITHHELD).count() >= (MAX_SECRET_A_DAY if secret else MAX_A_DAY)
