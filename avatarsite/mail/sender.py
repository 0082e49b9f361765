"""The sender: brings what is due to the mail server, one message after the other; what fails is due again later.

One process sends at a time. A server that is away ends the round, so it costs one wait a round and not one a message.
A process that is killed between sending and marking leaves its message due, and a mailbox may get it twice: under one
Message-ID, and at most once for each kill.
"""

from __future__ import annotations

import logging
import uuid
from contextlib import suppress
from datetime import timedelta
from enum import Enum
from smtplib import SMTPRecipientsRefused, SMTPResponseException
from time import monotonic

from django.core.mail import EmailMultiAlternatives, get_connection
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from avatarsite.alerts import raise_alert
from avatarsite.mail.messages import PATIENCE, build_message
from avatarsite.mail.models import MailMessage, MailState
from avatarsite.monitoring.metrics import counter
from avatarsite.queue import jobs, lease
from avatarsite.queue.due_rows import backoff

logger = logging.getLogger(__name__)

TRIES = counter("mails", "Tries to send a mail, by what came of them.", "outcome")

SEND_MAIL = "avatarsite.send_mail"
# With the waits for the slowest server (EMAIL_TIMEOUT, at each step) still within the task's time.
ROUND_SECONDS = 40
ROUND_LEASE = timedelta(minutes=3)
AWAY_PAUSE = timedelta(seconds=30)
LEASE = timedelta(minutes=5)
INITIAL_WAIT, MAX_WAIT = 60, 3_600
MAX_FAULTS = 3  # connections that broke in one round
ERROR_LENGTH = 500


class _Outcome(Enum):
    SENT = "sent"
    REFUSED = "refused"  # this message, now
    BROKEN = "broken"  # the connection, within this message
    AWAY = "away"  # the server


def send_due() -> int:
    """Send what is due, unless somebody does; how many were sent. Safe to repeat, and at once."""
    owner = str(uuid.uuid4())
    if not lease.acquire(SEND_MAIL, owner, life=ROUND_LEASE):
        return 0
    sent = faults = 0
    outcome = None
    stop_at = monotonic() + ROUND_SECONDS
    try:
        while outcome != _Outcome.AWAY and faults < MAX_FAULTS and monotonic() < stop_at and (mail := _claim_next()):
            outcome = _send(mail)
            sent += outcome == _Outcome.SENT
            faults += outcome == _Outcome.BROKEN
    finally:
        away = outcome == _Outcome.AWAY or faults >= MAX_FAULTS
        lease.release(SEND_MAIL, owner, pause=AWAY_PAUSE if away else timedelta())
    if not away and due_mail().exists():
        jobs.enqueue(SEND_MAIL)
    return sent


def due_mail() -> QuerySet[MailMessage]:
    return MailMessage.objects.filter(next_try_at__lte=timezone.now())


def send_again(mail: MailMessage) -> bool:
    """Make a message due once more, by an operator's wish. False if it waits anyway, or its text is gone."""
    now = timezone.now()
    ended = MailMessage.objects.filter(pk=mail.pk).exclude(state=MailState.WAITING).exclude(text="")
    again = ended.update(
        state=MailState.WAITING, next_try_at=now, tries=0, sent_at=None, last_error="", give_up_at=now + PATIENCE
    )
    if again:
        jobs.enqueue(SEND_MAIL)
    return bool(again)


def _claim_next() -> MailMessage | None:
    """The next message, due again after a lease: counted before the risky part. What somebody waits for comes first."""
    for mail in due_mail().order_by("-secret", "next_try_at", "pk")[:5]:
        if mail.claim(LEASE):
            return mail
    return None


def _send(mail: MailMessage) -> _Outcome:
    try:
        outcome, error = _hand_over(build_message(mail))
    except Exception as broken:
        # Whatever is wrong with this message is nothing to the others.
        logger.exception("The mail %s can't be written", mail.pk)
        outcome, error = _Outcome.REFUSED, broken
    TRIES.labels(outcome.value).inc()
    if outcome == _Outcome.SENT:
        _mark(mail, MailState.SENT)
    elif mail.give_up_at <= timezone.now():
        _give_up(mail, _words(error))
    else:
        logger.warning("A mail of the kind %s could not be sent: %s", mail.kind, _words(error))
        mail.put_off(backoff(mail.tries, first=INITIAL_WAIT, most=MAX_WAIT), last_error=_words(error))
    return outcome


def _hand_over(message: EmailMultiAlternatives) -> tuple[_Outcome, Exception | None]:
    connection = get_connection()
    try:
        connection.open()
    except Exception as error:  # noqa: BLE001 -- refused, hung, no such host, wrong password: nobody takes mail now
        return _Outcome.AWAY, error
    try:
        taken = connection.send_messages([message])
    except OSError as error:  # smtplib's errors are OSErrors too
        return _judged(error), error
    else:
        return (_Outcome.SENT if taken else _Outcome.REFUSED), None
    finally:
        # What was taken is sent, however the server says good-bye.
        with suppress(Exception):
            connection.close()


def _judged(error: OSError) -> _Outcome:
    if isinstance(error, SMTPResponseException | SMTPRecipientsRefused):
        return _Outcome.REFUSED
    # smtplib calls a server that hangs disconnected, too.
    hung = isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError)
    return _Outcome.AWAY if hung else _Outcome.BROKEN


def _words(error: Exception | None) -> str:
    return f"{type(error).__name__}: {error}"[:ERROR_LENGTH] if error else "Nobody took it."


def _mark(mail: MailMessage, state: MailState, error: str = "") -> bool:
    wiped = {"text": ""} if mail.secret else {}
    sent_at = timezone.now() if state == MailState.SENT else None
    return mail.finish(state=state, sent_at=sent_at, last_error=error, **wiped)


def _give_up(mail: MailMessage, error: str) -> None:
    with transaction.atomic():
        if _mark(mail, MailState.GIVEN_UP, error):
            raise_alert(
                "mail_given_up",
                mail.kind,
                f"A mail of the kind {mail.kind} to {mail.to} was refused for {PATIENCE.days} days: {error}",
                mail=mail.pk,
            )
