"""Addresses that requests name: told of their own events alone, signed with the workspace's one secret for them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from avatarsite.outbox.deliveries import request_signing
from avatarsite.outbox.endpoints import (
    EndpointRefused,
    change_endpoint,
    replay,
    resend,
    rotate_request_secret,
    send_test,
    set_state,
)
from avatarsite.outbox.events import fan_out, forget_old_events, record_event
from avatarsite.outbox.models import Delivery, Endpoint, EndpointState, Event
from avatarsite.workspaces.encryption import decrypt
from avatarsite.workspaces.models import Workspace
from tests.avatarsite.outbox.cast import Clock, happen, listen, send, states
from tests.avatarsite.outbox.receiver import Receiver, Says

pytestmark = pytest.mark.django_db


def ask(house: Workspace, url: str, name: str = "rnd_a") -> Event:
    return record_event(house.pk, "render.ready", subject=f"render:{name}", data={"id": name}, also_to=url)


def secret(house: Workspace) -> str:
    return decrypt(request_signing(house.pk).secret)


def test_an_address_gets_its_own_events_alone_and_endpoints_get_all(house: Workspace, there: Receiver) -> None:
    listen(house, f"{there.url}/all")
    ask(house, f"{there.url}/job?id=1", "rnd_a")
    ask(house, f"{there.url}/job?id=2", "rnd_b")
    happen(house)
    send()
    assert [got.said["data"]["id"] for got in there.at("/all")] == ["rnd_a", "rnd_b", "rnd_2"]
    assert [got.said["data"]["id"] for got in there.at("/job?id=1")] == ["rnd_a"]
    assert [(got.said["data"]["id"], got.sequence) for got in there.at("/job?id=2")] == [("rnd_b", 2)]
    assert Endpoint.objects.get(of_requests=True).url == there.url


def test_all_of_them_are_signed_with_the_one_secret_which_can_be_replaced(house: Workspace, there: Receiver) -> None:
    first = secret(house)
    ask(house, f"{there.url}/1")
    send()
    rotate_request_secret(house, overlap=timedelta(hours=1))
    ask(house, f"{there.url}/2")
    send()
    rotate_request_secret(house, overlap=timedelta())
    ask(house, f"{there.url}/3")
    send()
    one, two, three = there.got
    assert (one.verified(first), two.verified(first)) == (one.said, two.said)
    with pytest.raises(WebhookVerificationError):
        Webhook(first).verify(three.body, three.headers)
    assert three.verified(secret(house)) == three.said


def test_what_fails_is_tried_again_and_can_be_sent_again(house: Workspace, there: Receiver, clock: Clock) -> None:
    there.answer = lambda _path, _said: Says(500)
    ask(house, f"{there.url}/job")
    send(clock)
    there.answer = lambda _path, _said: Says()
    clock.move(minutes=1)
    send(clock)
    assert states() == [(1, "delivered", 2)]
    resend(Delivery.objects.get())
    send(clock)
    assert [got.path for got in there.got] == ["/job"] * 3
    host = Endpoint.objects.get()
    assert replay(host, timezone.now() - timedelta(hours=1)) == 1


def test_one_address_that_is_gone_stops_no_other_at_its_host(house: Workspace, there: Receiver, clock: Clock) -> None:
    there.answer = lambda path, _said: Says(410 if path == "/gone" else 204)
    ask(house, f"{there.url}/gone")
    ask(house, f"{there.url}/here")
    send(clock)
    clock.move(minutes=1)
    send(clock)
    assert states() == [(1, "failed", 1), (2, "delivered", 1)]
    assert Endpoint.objects.get().state == EndpointState.ACTIVE


def test_a_host_can_be_disabled_and_neither_changed_nor_tested(house: Workspace, there: Receiver) -> None:
    ask(house, f"{there.url}/job")
    host = Endpoint.objects.get()
    with pytest.raises(EndpointRefused, match="come with requests"):
        change_endpoint(host, url="https://example.org/")
    with pytest.raises(EndpointRefused, match="needs an address"):
        send_test(host)
    set_state(host, "disabled")
    send()
    assert there.got == []


def test_hosts_are_forgotten_with_their_last_event(house: Workspace) -> None:
    old, new = ask(house, "https://old.example.org/a"), ask(house, "https://new.example.org/b")
    fan_out(house.pk)
    Event.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=31))
    assert forget_old_events() == 1
    assert list(Endpoint.objects.values_list("url", flat=True)) == ["https://new.example.org"]
    assert new.also_by is not None
