"""Webhooks that nobody has proven: how many one address may leave here, and for how long any is kept."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from avatarsite.inbox import receive
from avatarsite.inbox.models import InboundEvent, SignatureStatus
from avatarsite.models import Alert

pytestmark = pytest.mark.django_db


def lay(count: int, status: SignatureStatus, *, address: str = "192.0.2.7", age: timedelta = timedelta(0)) -> None:
    start = InboundEvent.objects.count()
    InboundEvent.objects.bulk_create(
        InboundEvent(
            source="fal", event_id=f"evt-{start + number}", body=b"{}", signature_status=status, address=address
        )
        for number in range(count)
    )
    InboundEvent.objects.filter(pk__in=InboundEvent.objects.order_by("-pk").values("pk")[:count]).update(
        received_at=timezone.now() - age
    )


def post(address: str) -> int:
    return Client(REMOTE_ADDR=address).post("/hooks/fal/", b"{}", content_type="application/json").status_code


def test_who_sends_forgeries_is_told_to_wait_and_nobody_else_is() -> None:
    lay(receive.MAX_FORGERIES - 1, SignatureStatus.INVALID)
    assert post("192.0.2.7") == 200
    lay(1, SignatureStatus.INVALID)
    answer = Client(REMOTE_ADDR="192.0.2.7").post("/hooks/fal/", b'{"a": 1}', content_type="application/json")
    assert (answer.status_code, answer["Retry-After"]) == (429, "600")
    assert post("192.0.2.8") == 200
    assert InboundEvent.objects.count() == receive.MAX_FORGERIES + 1


def test_valid_webhooks_and_old_forgeries_are_held_against_nobody() -> None:
    lay(receive.MAX_FORGERIES, SignatureStatus.VALID)
    lay(receive.MAX_FORGERIES, SignatureStatus.INVALID, age=receive.FLOOD_WINDOW)
    assert post("192.0.2.7") == 200


def test_events_are_forgotten_when_their_time_is_over_and_not_while_they_wait() -> None:
    lay(2, SignatureStatus.INVALID, age=timedelta(days=8))
    lay(3, SignatureStatus.INVALID, age=timedelta(days=6))
    lay(4, SignatureStatus.VALID, age=timedelta(days=91))
    lay(5, SignatureStatus.VALID, age=timedelta(days=89))
    waiting = InboundEvent.objects.filter(signature_status=SignatureStatus.INVALID).earliest("pk")
    InboundEvent.objects.filter(pk=waiting.pk).update(next_try_at=timezone.now())
    assert receive.forget_old_events() == 5
    assert InboundEvent.objects.count() == 9
    assert InboundEvent.objects.filter(pk=waiting.pk).count() == 1


def test_an_event_that_kills_its_worker_each_time_is_given_up_and_told() -> None:
    event = receive.store_event("fal", headers={}, query={}, body=b"{}")
    # As its claims leave it, when nobody lives to say what came of them.
    InboundEvent.objects.update(tries=receive.MAX_TRIES)
    assert receive.handle_event(event.pk) is False
    event.refresh_from_db()
    assert (event.next_try_at, event.handled_at, event.outcome) == (None, None, receive.BROKE_DOWN)
    assert "not tried again" in Alert.objects.get(kind="webhook").message
    receive.replay(event)
    assert InboundEvent.objects.get().tries == 0
