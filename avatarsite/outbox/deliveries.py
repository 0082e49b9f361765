"""Deliveries as the sender works on them: a claim before the call, its result after, each in a short transaction."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from avatarsite.http.post import SECONDS
from avatarsite.monitoring.metrics import SLOW, counter, histogram
from avatarsite.outbox import signing
from avatarsite.outbox.mail import mail_endpoint
from avatarsite.outbox.models import Attempt, Delivery, DeliveryState, Endpoint, EndpointState, RequestSigning, Signing
from avatarsite.outbox.posting import PostResult
from avatarsite.outbox.retries import (
    GIVEN_UP_AFTER,
    OUTAGE,
    OUTAGE_FAILURES,
    is_last,
    rest_after,
    retry_after,
    wait_after,
)
from avatarsite.workspaces.encryption import Unreadable, decrypt, encrypt
from avatarsite.workspaces.models import Workspace
from avatarsite.workspaces.suspension import closing

logger = logging.getLogger(__name__)

SENT = counter("webhooks_out", "Tries at webhooks to customers, by what came of them.", "outcome")
LAG = histogram("webhook_out_lag_seconds", "From an event to its delivery.", buckets=SLOW)

# Longer than a post takes: whoever has a claim that runs out is dead, and its delivery is anybody's again.
LEASE = timedelta(seconds=4 * SECONDS)
GONE = "It answered 410: nobody is there any more."
CLOSED = "The workspace is closed."
DARK = f"It has taken nothing for {GIVEN_UP_AFTER.total_seconds() / 3600:.0f} hours."
UNSIGNED = "Its secret was sealed with another SECRET_KEY. Rotate it, or add the old key to SECRET_KEY_FALLBACKS."


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A claimed delivery, ready to be sent. Without headers it can't be: there is no secret to sign it with."""

    delivery: str
    endpoint: str
    leased_until: datetime
    url: str
    body: bytes
    headers: Mapping[str, str]


def deliverable() -> QuerySet[Delivery]:
    """Those of endpoints that are to be sent to now."""
    rested = Q(endpoint__rest_until=None) | Q(endpoint__rest_until__lte=timezone.now())
    return Delivery.objects.filter(rested).exclude(endpoint__state=EndpointState.DISABLED)


def due_of(endpoint_id: str, now: datetime, most: int) -> list[str]:
    """Ids of what is due at an endpoint, in the order of their sequence."""
    due = Delivery.objects.filter(endpoint=endpoint_id, next_try_at__lte=now).order_by("sequence")
    return list(due.values_list("pk", flat=True)[:most])


def claim(delivery_id: str, now: datetime) -> ClaimedDelivery | None:
    """Take a delivery for this try; None if it is not due (any more) or somebody else was first."""
    rows = Delivery.objects.select_related("endpoint", "event")
    row = rows.filter(pk=delivery_id, state=DeliveryState.WAITING).first()
    if row is None or row.endpoint.state == EndpointState.DISABLED:
        return None
    if row.endpoint.rest_until and row.endpoint.rest_until > now:
        return None
    until = now + LEASE
    if not row.claim(LEASE, now=now, leased_until=until):
        return None
    body = body_of(row)
    try:
        headers = signing.headers(row.event.id, body, live_secrets(row.endpoint, now))
    except Unreadable:
        headers = {}
    url = row.event.also_to if row.endpoint.of_requests else row.endpoint.url
    return ClaimedDelivery(row.pk, row.endpoint_id, until, url, body, headers)


def body_of(row: Delivery) -> bytes:
    """The same bytes on every try."""
    event = row.event
    said = {
        "type": event.kind,
        "timestamp": event.created_at,
        "sequence": row.sequence,
        "id": event.id,
        "data": event.data,
    }
    return json.dumps(said, cls=DjangoJSONEncoder, separators=(",", ":")).encode()


def live_secrets(endpoint: Endpoint, now: datetime) -> list[str]:
    """The newest first. Raises Unreadable."""
    signed = signing_of(endpoint)
    encrypted = [signed.secret]
    if signed.old_secret and signed.old_secret_until and signed.old_secret_until > now:
        encrypted.append(signed.old_secret)
    return [decrypt(one) for one in encrypted]


def signing_of(endpoint: Endpoint) -> Signing:
    return request_signing(endpoint.workspace_id) if endpoint.of_requests else endpoint


def request_signing(workspace_id: str) -> RequestSigning:
    """The workspace's secret for addresses that requests name; made when it is first needed."""
    fresh = {"secret": encrypt(signing.new_secret())}
    return RequestSigning.objects.get_or_create(workspace_id=workspace_id, defaults=fresh)[0]


def record(claimed: ClaimedDelivery, answer: PostResult, now: datetime) -> bool:
    """Write down what came of a claimed delivery. True if the endpoint may get its next one."""
    with transaction.atomic():
        endpoint = Endpoint.objects.select_for_update().filter(pk=claimed.endpoint).first()
        row = Delivery.objects.select_for_update().filter(pk=claimed.delivery).first()
        if endpoint is None or row is None:
            return False  # deleted while it was on its way
        Attempt.objects.create(delivery=row, at=now, code=answer.code, answer=answer.text, took_ms=answer.took_ms)
        row.answer_code, row.answer, row.answered_at = answer.code, answer.text, now
        before = endpoint.state
        if row.leased_until == claimed.leased_until:
            row.leased_until = None
        if answer.taken:
            _taken(endpoint, row, now)
        else:
            _refused(endpoint, row, answer, now)
        row.save()
        if endpoint.state != before:
            mail_endpoint(endpoint)
    SENT.labels("delivered" if answer.taken else "failed").inc()
    if answer.taken:
        LAG.observe((now - row.event.created_at).total_seconds())
    return answer.taken


def _taken(endpoint: Endpoint, row: Delivery, now: datetime) -> None:
    if row.state == DeliveryState.WAITING:
        row.state, row.next_try_at, row.delivered_at = DeliveryState.DELIVERED, None, now
    if endpoint.dark_since is None:
        return
    if endpoint.failures >= OUTAGE_FAILURES and now - endpoint.dark_since >= OUTAGE:
        # It is back: nothing has to wait for its own next try, and all come in their order.
        waiting_of(endpoint).filter(next_try_at__gt=now, leased_until=None).exclude(pk=row.pk).update(next_try_at=now)
    endpoint.failures, endpoint.dark_since, endpoint.rest_until = 0, None, None
    endpoint.save(update_fields=["failures", "dark_since", "rest_until"])


def _refused(endpoint: Endpoint, row: Delivery, answer: PostResult, now: datetime) -> None:
    asked_for = retry_after(answer.retry_after, now)
    if row.state == DeliveryState.WAITING and row.leased_until is None:
        row.next_try_at = now + max(wait_after(row.tries), asked_for)
        if is_last(row.tries, row.since, now):
            row.state, row.next_try_at = DeliveryState.FAILED, None
            logger.warning("%s: event %s was given up after %d tries", endpoint.pk, row.event_id, row.tries)
    if endpoint.state != EndpointState.ACTIVE:
        row.next_try_at = None  # it waits until somebody resumes the endpoint
        return
    endpoint.failures += 1
    endpoint.dark_since = endpoint.dark_since or now
    endpoint.rest_until = now + max(rest_after(endpoint.failures), asked_for)
    if endpoint.failures == row.tries == 1 and row.next_try_at:
        endpoint.rest_until = row.next_try_at  # so that a short failure leaves the order as it is
    endpoint.save(update_fields=["failures", "dark_since", "rest_until"])
    if answer.gone and endpoint.of_requests:  # that address alone
        row.state, row.next_try_at = DeliveryState.FAILED, None
    elif answer.gone:
        suspend_endpoint(endpoint, EndpointState.DISABLED, GONE)
        row.next_try_at = None
    elif now - endpoint.dark_since >= GIVEN_UP_AFTER:
        suspend_endpoint(endpoint, EndpointState.PAUSED, DARK)
        row.next_try_at = None


def suspend_endpoint(endpoint: Endpoint, state: EndpointState, why: str) -> None:
    """Pause or disable within the caller's transaction. What waits is kept."""
    fields: dict[str, Any] = {"state": state, "why": why, "rest_until": None}
    Endpoint.objects.filter(pk=endpoint.pk).update(**fields)
    for name, value in fields.items():
        setattr(endpoint, name, value)
    waiting_of(endpoint).update(next_try_at=None)
    logger.warning("%s of %s is %s: %s", endpoint.pk, endpoint.workspace_id, state, why)


def watch_for_closing() -> None:
    """The endpoints of a workspace that is closed are disabled with it."""
    closing.connect(disable_all, dispatch_uid="outbox.closing")


def disable_all(workspace: Workspace, **_: Any) -> None:
    """No endpoint of a workspace that is closed, or is to be, is told of anything any more."""
    for endpoint in Endpoint.objects.filter(workspace=workspace).exclude(state=EndpointState.DISABLED):
        suspend_endpoint(endpoint, EndpointState.DISABLED, CLOSED)


def waiting_of(endpoint: Endpoint) -> QuerySet[Delivery]:
    return Delivery.objects.filter(endpoint=endpoint, state=DeliveryState.WAITING)
