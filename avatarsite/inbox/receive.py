"""Receiving webhooks: store first, check the signature, then act; each event as often as it takes."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import Count, F, Min, Q
from django.utils import timezone

from avatarsite.alerts import raise_alert
from avatarsite.desk import Waiting, age_of
from avatarsite.inbox.models import InboundEvent, SignatureStatus
from avatarsite.inbox.sources import SOURCES, EventRejected
from avatarsite.monitoring.metrics import SLOW, counter, histogram
from avatarsite.queue import jobs
from avatarsite.queue.due_rows import backoff

logger = logging.getLogger(__name__)

HANDLED = counter("webhooks_in", "Tries at webhooks that came in, by what came of them.", "source", "outcome")
LAG = histogram("webhook_in_lag_seconds", "From a webhook's coming to its end.", "source", buckets=SLOW)

MAX_BODY = 256 * 1024
MAX_TRIES = 8
INITIAL_WAIT, MAX_WAIT = 10, 3_600
LEASE = timedelta(seconds=90)
SAME_MOMENT = timedelta(seconds=5)
PATIENCE = timedelta(minutes=10)  # then somebody should look why nothing has come of an event
BROKE_DOWN = "Our own work on it broke down each time."
# What one address may have lying here unproven within a window: forgeries, and events that nobody has looked at yet.
# A sender that is told to wait sends again, and polling brings everything home anyway.
FLOOD_WINDOW = timedelta(minutes=10)
MAX_FORGERIES = 500
MAX_UNCHECKED = 5_000
RETENTION = {
    SignatureStatus.VALID: timedelta(days=90),
    SignatureStatus.INVALID: timedelta(days=7),
    SignatureStatus.UNCHECKED: timedelta(days=90),
}
FORGOTTEN_AT_ONCE = 5_000
# Headers that are worth keeping; cookies and the like are not ours to store.
KEEP_HEADERS = ("content-type", "user-agent", "stripe-signature", "x-fal-")


def is_flooding(address: str | None) -> bool:
    """Whether this address has sent more that is forged, or not looked at yet, than anybody should have to keep."""
    unproven = InboundEvent.objects.filter(address=address, received_at__gt=timezone.now() - FLOOD_WINDOW).exclude(
        signature_status=SignatureStatus.VALID
    )
    counts = Counter(unproven.values_list("signature_status", flat=True)[: MAX_UNCHECKED + MAX_FORGERIES])
    return counts[SignatureStatus.INVALID] >= MAX_FORGERIES or counts[SignatureStatus.UNCHECKED] >= MAX_UNCHECKED


def forget_old_events() -> int:
    """Delete events that have been dealt with and are past their time; returns how many."""
    gone = 0
    for status, life in RETENTION.items():
        old = InboundEvent.objects.filter(
            signature_status=status, received_at__lt=timezone.now() - life, next_try_at=None
        )
        gone += InboundEvent.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE])).delete()[
            0
        ]
    return gone


def store_event(
    source: str, *, headers: Mapping[str, str], query: Mapping[str, str], body: bytes, address: str | None = None
) -> InboundEvent:
    """Store the event and queue its handling in one transaction. A repeat is counted on the first one's row."""
    event_id = _event_id(source, headers, query, body)
    try:
        with transaction.atomic():
            event = InboundEvent.objects.create(
                source=source,
                event_id=event_id,
                headers=_kept(headers),
                # PostgreSQL takes no NUL, and no sender of ours writes one.
                query={name.replace("\0", ""): value.replace("\0", "") for name, value in query.items()},
                body=body,
                address=address,
                next_try_at=timezone.now(),
            )
            jobs.enqueue("avatarsite.handle_event", event_pk=event.pk)
    except IntegrityError:
        InboundEvent.objects.filter(source=source, event_id=event_id).update(deliveries=F("deliveries") + 1)
        return InboundEvent.objects.get(source=source, event_id=event_id)
    return event


def handle_event(event_pk: int) -> bool:
    """Check the signature and act, once. False when it isn't due, or somebody else is at it."""
    event = InboundEvent.objects.get(pk=event_pk)
    if not event.claim(LEASE):
        return False
    if event.tries > MAX_TRIES:  # whatever ended the earlier tries, they raised nothing
        _give_up(event, BROKE_DOWN)
        return False
    try:
        outcome = SOURCES[event.source].act(event)
    except EventRejected as error:
        logger.warning("%s: %s", event, error)
        _close(event, SignatureStatus.INVALID, f"Refused: {error}")
        return False
    except Exception as error:
        logger.exception("%s could not be handled", event)
        _put_off(event, f"{type(error).__name__}: {error}")
        return False
    _close(event, SignatureStatus.VALID, outcome)
    return True


def replay(event: InboundEvent) -> bool:
    """Handle the event again, as if it had just come. False if it is about to be."""
    now = timezone.now()
    # Whoever comes second may have looked at the clock before the first did.
    about_to_be = Q(handled_at=None, tries=0, next_try_at__lte=now + SAME_MOMENT)
    with transaction.atomic():
        others = InboundEvent.objects.filter(~about_to_be, pk=event.pk)
        if not others.update(next_try_at=now, tries=0, handled_at=None):
            return False
        jobs.enqueue("avatarsite.handle_event", event_pk=event.pk)
    return True


def unhandled() -> Q:
    """Events that nothing has come of, although there was time: their handling fails, or nobody handles any."""
    return Q(handled_at=None, received_at__lt=timezone.now() - PATIENCE)


def waiting_events() -> Waiting:
    """For the first page of the admin site."""
    found = InboundEvent.objects.filter(unhandled()).aggregate(count=Count("pk"), oldest=Min("received_at"))
    return Waiting(found["count"], f"the oldest came {age_of(found['oldest'])} ago" if found["count"] else "")


def _put_off(event: InboundEvent, why: str) -> None:
    HANDLED.labels(event.source, "failed").inc()
    if event.tries < MAX_TRIES:
        event.put_off(backoff(event.tries, first=INITIAL_WAIT, most=MAX_WAIT), outcome=why)
    else:
        _give_up(event, why)


def _give_up(event: InboundEvent, why: str) -> None:
    if event.finish(outcome=why):
        told = f"{event} failed {MAX_TRIES} times and is not tried again: {why} Handle it again in the admin site."
        raise_alert("webhook", event.source, told, event=event.pk)


def _close(event: InboundEvent, status: SignatureStatus, outcome: str) -> None:
    now = timezone.now()
    event.finish(signature_status=status, outcome=outcome, handled_at=now)
    HANDLED.labels(event.source, "handled" if status == SignatureStatus.VALID else "refused").inc()
    LAG.labels(event.source).observe((now - event.received_at).total_seconds())


def _event_id(source: str, headers: Mapping[str, str], query: Mapping[str, str], body: bytes) -> str:
    """The sender's id of the event; what can't be read is filed under a digest, and refused or handled later."""
    found = SOURCES[source].event_id(source, headers, query, body)
    return found.replace("\0", "") or "sha256:" + hashlib.sha256(body).hexdigest()


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items() if name.lower().startswith(KEEP_HEADERS)}
