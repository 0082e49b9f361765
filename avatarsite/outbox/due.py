"""Due webhooks: which endpoints have something to send now, and waking the sender when nobody sends."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from avatarsite.outbox.models import Delivery, Endpoint, EndpointState, Event
from avatarsite.queue import lease

SENDER = "avatarsite.send_webhooks"


def wake_sender(workspace_id: str) -> None:
    """Start a round once this transaction has committed, unless one is running and will see the rows by itself.

    What a crash drops is found by the sweep.
    """
    transaction.on_commit(partial(_wake, workspace_id))


def _wake(workspace_id: str) -> None:
    if listening(workspace_id):
        lease.wake(SENDER)


def listening(workspace_id: str) -> bool:
    return Endpoint.objects.filter(workspace_id=workspace_id).exclude(state=EndpointState.DISABLED).exists()


def due_endpoints(now: datetime) -> QuerySet[Endpoint]:
    """Endpoints with something to send now: those that answer first, and of them who has waited longest."""
    due = Delivery.objects.filter(endpoint=OuterRef("pk"), next_try_at__lte=now)
    awake = Endpoint.objects.exclude(state=EndpointState.DISABLED)
    rested = awake.filter(Q(rest_until=None) | Q(rest_until__lte=now))
    return rested.filter(Exists(due)).order_by("failures", F("served_at").asc(nulls_first=True))


def work_left(now: datetime) -> bool:
    """Whether anything is due, or waits to be numbered and somebody listens."""
    awake = Endpoint.objects.filter(workspace=OuterRef("workspace")).exclude(state=EndpointState.DISABLED)
    return due_endpoints(now).exists() or Event.objects.filter(Exists(awake), number=None).exists()
