from __future__ import annotations

from avatarsite import temporary_files
from avatarsite.api import idempotency
from avatarsite.inbox import receive
from avatarsite.mail import messages
from avatarsite.mail import sender as mailing
from avatarsite.outbox import events, sender
from avatarsite.queue import heartbeat, sweeping
from avatarsite.queue.worker import stopping
from avatarsite.workspaces.signing_in import sessions


def canary() -> None:
    """Do nothing: that it was done is the message (avatarsite/queue/heartbeat.py)."""


def handle_event(*, event_pk: int) -> None:
    receive.handle_event(event_pk)


def forget_idempotency_records() -> None:
    idempotency.forget_old_records()


def forget_inbound_events() -> None:
    receive.forget_old_events()


def sweep_temporary() -> None:
    temporary_files.sweep_temporary()


def send_mail() -> None:
    mailing.send_due()


def forget_mail() -> None:
    messages.forget_old_mail()


def forget_sessions() -> None:
    sessions.forget_ended()


def send_webhooks() -> None:
    sender.send_webhooks(stopping=stopping)


def sweep() -> None:
    heartbeat.forget_dead()
    sweeping.sweep()


def sweep_kind(*, kind: str) -> None:
    sweeping.sweep_kind(kind)


def forget_events() -> None:
    events.forget_old_events()
