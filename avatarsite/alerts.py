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

logger = logging.getLogger(__name__)


def raise_alert(kind: str, key: str, message: str, **detail: Any) -> Alert:
    """Open an alert and owe its mail to OPERATOR_EMAIL, or count it on the one that is open. Fine in a transaction."""
    logger.error("%s: %s", kind, message)
    now = timezone.now()
    repeated = Alert.objects.filter(kind=kind, key=key, closed_at=None)
    if not repeated.update(count=F("count") + 1, last_at=now, message=message, detail=detail):
        try:
            with transaction.atomic():
                alert = Alert.objects.create(kind=kind, key=key, message=message, detail=detail, last_at=now)
                _owe_mail(alert)
        except IntegrityError:
            repeated.update(count=F("count") + 1, last_at=now)
    return repeated.get()


def close_alert(kind: str, key: str) -> bool:
    """What was wrong is right again."""
    return bool(Alert.objects.filter(kind=kind, key=key, closed_at=None).update(closed_at=timezone.now()))


def _owe_mail(alert: Alert) -> None:
    link = f"{settings.SITE_URL}/admin/site/alert/{alert.pk}/change/"
    for address in settings.OPERATOR_EMAIL:
        write_mail("alert", str(alert.pk), address, "mail/alert", {"alert": alert, "link": link})


def open_alerts(**which: str) -> Waiting:
    """For the first page of the admin site."""
    alerts = Alert.objects.filter(closed_at=None, **which).order_by("first_at")
    return Waiting(len(alerts), f"{alerts[0].message[:120]}" if alerts else "")
