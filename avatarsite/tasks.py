from __future__ import annotations

from avatarsite import alerts
from avatarsite.inbox import letters
from avatarsite.outbox import events


def canary() -> None:
    """Do nothing: that it was done is the message (avatarsite/canary.py)."""


def handle_letter(*, letter_id: int) -> None:
    letters.handle_letter(letter_id)


def forget_letters() -> None:
    letters.forget_old_letters()


def mail_alert(*, alert_id: int) -> None:
    alerts.mail_alert(alert_id)


def send_webhooks(*, workspace_id: str) -> None:
    events.fan_out(workspace_id)
