"""Events for customers' programs: recording them, and making deliveries for the endpoints that want to know."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from avatarsite.outbox.due import wake_sender
from avatarsite.outbox.event_types import EVERY, KINDS, TEST
from avatarsite.outbox.models import Delivery, Endpoint, EndpointState, Event, Stream
from avatarsite.queue.sweeping import each

BATCH = 500
RETENTION = timedelta(days=30)
FORGOTTEN_AT_ONCE = 5_000


def record_event(workspace_id: str, kind: str, *, subject: str, data: Mapping[str, Any], also_to: str = "") -> Event:
    """Write an event in the caller's transaction: it is told if, and only if, what it tells of is committed.

    ``data`` is JSON-able, and is told as it is now, however late that is; ``"test": True`` in it marks what no money
    stands behind. ``also_to`` is an address that is told beside the endpoints. The caller sees to it that a step which
    runs twice records once. ValueError for an unknown kind.
    """
    if kind not in KINDS:
        raise ValueError(f"The kind is {kind!r}; use one of {', '.join(KINDS)}.")
    also = {"also_to": also_to, "also_by": host_endpoint(workspace_id, also_to)} if also_to else {}
    event = Event.objects.create(workspace_id=workspace_id, kind=kind, subject=subject, data=dict(data), **also)
    wake_sender(workspace_id)
    return event


def host_endpoint(workspace_id: str, url: str) -> Endpoint:
    """The endpoint that stands for the host of an address which a request has named; made when it is the first.

    So such addresses are sent to, retried, paused, logged and sent again as every other.
    """
    parts = urlsplit(url)
    host = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    fresh = {"kinds": [EVERY], "secret": ""}
    return Endpoint.objects.get_or_create(workspace_id=workspace_id, url=host, of_requests=True, defaults=fresh)[0]


def fan_out(workspace_id: str) -> int:
    """Number what is new in a workspace, and write a delivery for each endpoint that wants it; how many events.

    Rows are numbered in the order in which they were inserted. What was caused by an event was inserted after that was
    committed, so an effect never gets a smaller number than its cause. Safe to repeat, and at once.
    """
    count = 0
    while done := _number_some(workspace_id):
        count += done
        if done < BATCH:
            break
    return count


def _number_some(workspace_id: str) -> int:
    new = Event.objects.filter(workspace_id=workspace_id, number=None).order_by("row")
    if not new.exists():
        return 0
    Stream.objects.get_or_create(workspace_id=workspace_id)
    with transaction.atomic():
        stream = Stream.objects.select_for_update().get(workspace_id=workspace_id)
        events = list(new[:BATCH])
        for event in events:
            stream.last_number += 1
            event.number = stream.last_number
        Event.objects.bulk_update(events, ["number"])
        stream.save(update_fields=["last_number"])
        awake = Endpoint.objects.filter(workspace_id=workspace_id).exclude(state=EndpointState.DISABLED)
        for endpoint in awake.select_for_update():
            wanted = [e for e in events if e.created_at >= endpoint.created_at and endpoint.wants(e)]
            create_deliveries(endpoint, wanted)
    return len(events)


def create_deliveries(endpoint: Endpoint, events: list[Event]) -> list[Delivery]:
    """Deliveries of ``events``, in their order. The caller holds the endpoint's row.

    A paused endpoint's are kept for later, but for a test: whoever asked for that waits for it.
    """
    if not events:
        return []
    now = timezone.now()
    deliveries = []
    for event in events:
        endpoint.last_sequence += 1
        due = now if endpoint.state == EndpointState.ACTIVE or event.kind == TEST else None
        deliveries.append(Delivery(endpoint=endpoint, event=event, sequence=endpoint.last_sequence, next_try_at=due))
    endpoint.save(update_fields=["last_sequence"])
    return Delivery.objects.bulk_create(deliveries)


def fan_out_all() -> int:
    """As ``fan_out``, of every workspace: what a dropped nudge has left, and what nobody listens to."""
    waiting = Event.objects.filter(number=None).order_by().values_list("workspace_id", flat=True).distinct()
    return sum(each(list(waiting[:BATCH]), fan_out, "Numbering the events of a workspace"))


def forget_old_events() -> int:
    """Delete events of more than 30 days ago, with their deliveries; gives how many. Their numbers never come back."""
    old = Event.objects.filter(created_at__lt=timezone.now() - RETENTION).order_by("created_at")
    found = list(old.values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE])
    Event.objects.filter(pk__in=found).delete()
    used = Exists(Event.objects.filter(also_by=OuterRef("pk")))
    Endpoint.objects.filter(of_requests=True).exclude(used).delete()
    return len(found)
