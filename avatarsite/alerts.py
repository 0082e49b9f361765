"""Telling whoever runs the service, without drowning them: one open alert for each kind and key."""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from avatarsite import jobs
from avatarsite.models import Alert

logger = logging.getLogger(__name__)


def raise_alert(kind: str, key: str, message: str, **detail: Any) -> Alert:
    """Open an alert, or count it on the one that is open. Sends nothing itself: fine within a transaction."""
    logger.error("%s: %s", kind, message)
    now = timezone.now()
    repeated = Alert.objects.filter(kind=kind, key=key, closed_at=None)
    if not repeated.update(count=F("count") + 1, last_at=now, message=message, detail=detail):
        try:
            with transaction.atomic():
                alert = Alert.objects.create(kind=kind, key=key, message=message, detail=detail, last_at=now)
                jobs.enqueue("avatarsite.mail_alert", alert_id=alert.pk)
        except IntegrityError:
            repeated.update(count=F("count") + 1, last_at=now)
    return repeated.get()


def close_alert(kind: str, key: str) -> bool:
    """What was wrong is right again."""
    return bool(Alert.objects.filter(kind=kind, key=key, closed_at=None).update(closed_at=timezone.now()))


def mail_alert(alert_id: int) -> bool:
    """Mail a new alert to OPERATOR_EMAIL. False when there is no such address."""
    if not settings.OPERATOR_EMAIL:
        return False
    alert = Alert.objects.get(pk=alert_id)
    link = f"{settings.SITE_URL}/admin/site/alert/{alert.pk}/change/"
    send_mail(f"[Avatar Studio] {alert.kind}", f"{alert.message}\n\n{link}\n", None, settings.OPERATOR_EMAIL)
    return True
