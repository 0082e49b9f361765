"""Alerts to whoever runs the service: one open alert for each kind and key, so that nobody drowns in them."""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from avatarsite.desk import Waiting
from avatarsite.mail.messages import write_mail
from avatarsite.models import Alert
from avatarsite.monitoring.alert_kinds import UnknownAlertKind, kind_of

logger = logging.getLogger(__name__)

MAIL_KIND_LENGTH = 40


def raise_alert(kind: str, key: str, message: str, **detail: Any) -> Alert:
    """Open an alert and owe its mail to OPERATOR_EMAIL, or count it on the one that is open. Fine in a transaction.

    Raises UnknownAlertKind for a kind that has no row in ``avatarsite/monitoring/alert_kinds.py``.
    """
    title = kind_of(kind).title
    # Not the message: it may repeat what a provider or a customer has written, and logs are kept elsewhere.
    logger.error("alert %s: %s (%s)", kind, title, key)
    now = timezone.now()
    repeated = Alert.objects.filter(kind=kind, key=key, closed_at=None)
    if not repeated.update(count=F("count") + 1, last_at=now, message=message, detail=detail):
        try:
            with transaction.atomic():
                alert = Alert.objects.create(kind=kind, key=key, message=message, detail=detail, last_at=now)
                owe_mail(alert)
        except IntegrityError:
            repeated.update(count=F("count") + 1, last_at=now)
    return Alert.objects.filter(kind=kind, key=key).latest("pk")


def restate_alert(kind: str, key: str, message: str) -> None:
    """Let the open alert say how it stands now, without a count or a mail. Nothing happens where none is open."""
    Alert.objects.filter(kind=kind, key=key, closed_at=None).update(message=message)


def close_alert(kind: str, key: str) -> bool:
    """What was wrong is right again, by the kind's own rule. Raises UnknownAlertKind for a kind that has none."""
    if not kind_of(kind).closes:
        raise UnknownAlertKind(f"{kind!r} is closed by a person alone: its row in KINDS names no rule.")
    return bool(Alert.objects.filter(kind=kind, key=key, closed_at=None).update(closed_at=timezone.now()))


def close_by_hand(alert: Alert) -> bool:
    """Somebody has looked at it and is done with it. False if it was closed before."""
    return bool(Alert.objects.filter(pk=alert.pk, closed_at=None).update(closed_at=timezone.now()))


def owe_mail(alert: Alert, *, reminder: str = "") -> None:
    """Owe the alert's mail to each operator, or a ``reminder`` of it, which names when: the same is owed once."""
    about = f"{alert.pk}:{reminder}" if reminder else str(alert.pk)
    link = f"{settings.SITE_URL}/admin/site/alert/{alert.pk}/change/"
    # A kind of mail for each kind of alert, so that a flood of one keeps no word of another back.
    kind = f"alert_{alert.kind}"[:MAIL_KIND_LENGTH]
    for address in settings.OPERATOR_EMAIL:
        write_mail(kind, about, address, "mail/alert", {"alert": alert, "link": link})


def open_alerts(**which: str) -> Waiting:
    """For the first page of the admin site."""
    alerts = Alert.objects.filter(closed_at=None, **which).order_by("first_at")
    return Waiting(len(alerts), f"{alerts[0].message[:120]}" if alerts else "")
