"""Lease of the sender: whose turn it is to send, and waking somebody up when nobody does."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from avatarsite.outbox.models import Delivery, Endpoint, EndpointState, Event, SenderLease
from avatarsite.queue import jobs

SENDER = 1
LEASE_LIFE = timedelta(seconds=20)


def wake_sender(workspace_id: str) -> None:
    """Start a round once this transaction has committed, unless one is running and will see the rows by itself.

    A round looks once more after it has let its lease go, so what was written while it still ran is not missed; what a
    crash drops is found by the sweep.
    """
    transaction.on_commit(partial(_wake, workspace_id))


def _wake(workspace_id: str) -> None:
    if listening(workspace_id) and not SenderLease.objects.filter(pk=SENDER, leased_until__gt=timezone.now()).exists():
        jobs.enqueue("avatarsite.send_webhooks")


def listening(workspace_id: str) -> bool:
    return Endpoint.objects.filter(workspace_id=workspace_id).exclude(state=EndpointState.DISABLED).exists()


def acquire_lease(owner: str) -> bool:
    """Take or renew the round for ``owner``. False if somebody else has it."""
    now = timezone.now()
    free = SenderLease.objects.filter(Q(leased_until__lt=now) | Q(owner=owner), pk=SENDER)
    if free.update(owner=owner, leased_until=now + LEASE_LIFE):
        return True
    try:
        with transaction.atomic():
            SenderLease.objects.create(pk=SENDER, owner=owner, leased_until=now + LEASE_LIFE)
    except IntegrityError:
        return False
    return True


def release_lease(owner: str) -> None:
    SenderLease.objects.filter(pk=SENDER, owner=owner).update(leased_until=timezone.now() - LEASE_LIFE)


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
