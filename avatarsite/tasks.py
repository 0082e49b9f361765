from __future__ import annotations

from avatarsite import alerts, temporary
from avatarsite.api import answers
from avatarsite.inbox import letters
from avatarsite.outbox import events, mail, sender, sweep
from avatarsite.stopping import stopping


def canary() -> None:
    """Do nothing: that it was done is the message (avatarsite/canary.py)."""


def handle_letter(*, letter_id: int) -> None:
    letters.handle_letter(letter_id)


def forget_answers() -> None:
    answers.forget_old_answers()


def forget_letters() -> None:
    letters.forget_old_letters()


def sweep_temporary() -> None:
    temporary.sweep_temporary()


def mail_alert(*, alert_id: int) -> None:
    alerts.mail_alert(alert_id)


def send_webhooks() -> None:
    sender.send_webhooks(stopping=stopping)


def sweep_webhooks() -> None:
    sweep.sweep()


def mail_endpoint(*, endpoint_id: str) -> None:
    mail.mail_endpoint(endpoint_id)


def forget_events() -> None:
    events.forget_old_events()
