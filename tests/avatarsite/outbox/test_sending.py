"""What arrives, when it is tried again, and what becomes of an endpoint that does not answer. The clock is moved."""

from __future__ import annotations

import gzip
import json
import logging
from datetime import timedelta
from threading import Event as Flag
from threading import Semaphore
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from avatarsite.outbox import deliveries, retries
from avatarsite.outbox.endpoints import (
    EndpointRefused,
    delete_endpoint,
    replay,
    resend,
    rotate_secret,
    secret_of,
    send_test,
    set_state,
)
from avatarsite.outbox.events import fan_out, forget_old_events
from avatarsite.outbox.models import Attempt, Delivery, Endpoint, Event
from avatarsite.outbox.posting import PostResult
from avatarsite.workspaces.models import Workspace
from tests.avatarsite.outbox.cast import Clock, happen, listen, send, states, until_quiet
from tests.avatarsite.outbox.receiver import Receiver, Says, receiver
from tests.conftest import Cast
from tests.support.mails import posted
from tests.support.servers import free_ports

pytestmark = pytest.mark.django_db


def test_an_event_arrives_signed_and_as_documented(house: Workspace, there: Receiver) -> None:
    endpoint = listen(house, f"{there.url}/hooks?of=us")
    (event,) = happen(house)
    send()
    (got,) = there.got
    assert got.path == "/hooks?of=us"
    assert got.verified(secret_of(endpoint)) == {
        "type": "render.ready",
        "timestamp": json.loads(json.dumps(event.created_at.isoformat()[:23] + "Z")),
        "sequence": 1,
        "id": event.id,
        "data": {"id": "rnd_0"},
    }
    assert (got.id, got.headers["content-type"]) == (event.id, "application/json")
    assert states() == [(1, "delivered", 1)]


def test_each_delivery_keeps_its_answer(house: Workspace, there: Receiver, clock: Clock) -> None:
    listen(house, there.url)
    happen(house)
    there.answer = lambda _path, _said: Says(500, b"caf\xe9 \0 closed" + b"." * 5_000)
    send(clock)
    there.answer = lambda _path, _said: Says(200, b"thanks")
    clock.move(seconds=6)
    send(clock)
    first, second = Attempt.objects.all()
    assert (first.code, len(first.answer), first.answer[:12]) == (500, 4_096, "caf� � close")
    assert (second.code, second.answer) == (200, "thanks")
    assert Delivery.objects.get().answer == "thanks"


def test_an_answer_that_comes_packed_is_read(house: Workspace, there: Receiver, clock: Clock) -> None:
    listen(house, there.url)
    happen(house)
    packed = gzip.compress(b"closed" + bytes(50_000_000))
    there.answer = lambda _path, _said: Says(500, packed, {"Content-Encoding": "gzip"})
    send(clock)
    there.answer = lambda _path, _said: Says(200, b"\x1f\x8bthanks", {"Content-Encoding": "gzip"})
    clock.move(seconds=6)
    send(clock)
    first, second = Attempt.objects.all()
    assert (first.code, len(first.answer), first.answer[:6]) == (500, 4_096, "closed")
    assert (second.code, second.answer) == (200, "What it answered can’t be read. Its gzip coding is damaged.")


def test_they_arrive_in_the_order_of_their_sequence(house: Workspace, there: Receiver) -> None:
    listen(house, there.url)
    made = [event.id for event in happen(house, 120)]
    send()
    assert [got.id for got in there.got] == made
    assert [got.sequence for got in there.got] == list(range(1, 121))


def test_a_short_failure_keeps_the_order(house: Workspace, there: Receiver, clock: Clock) -> None:
    listen(house, there.url)
    happen(house, 3)
    there.answer = lambda _path, _said: Says(503)
    send(clock)
    there.answer = lambda _path, _said: Says()
    until_quiet(clock, most=timedelta(minutes=1))
    assert [got.sequence for got in there.got] == [1, 1, 2, 3]


def test_a_delivery_that_is_never_taken_holds_up_no_other(house: Workspace, there: Receiver, clock: Clock) -> None:
    listen(house, there.url)
    poison = happen(house)[0].id
    happen(house, 5)
    there.answer = lambda _path, said: Says(500 if said["id"] == poison else 200)
    clock.move(seconds=1)
    send(clock)
    clock.move(seconds=6)
    send(clock)
    clock.move(seconds=11)
    send(clock)
    assert states() == [(1, "waiting", 2), *((n, "delivered", 1) for n in range(2, 7))]


def test_a_receiver_that_is_down_for_a_day_misses_nothing(house: Workspace, clock: Clock) -> None:
    (port,) = free_ports(1)
    endpoint = listen(house, f"http://127.0.0.1:{port}/")
    happened = []
    for _hour in range(24):
        happened += [event.id for event in happen(house, 2)]
        until_quiet(clock, most=timedelta(minutes=59))
        clock.move(hours=1)
    assert Delivery.objects.exclude(state="waiting").count() == 0
    with receiver(port) as there:
        happened += [event.id for event in happen(house)]
        until_quiet(clock, most=timedelta(hours=21))
        secret = secret_of(endpoint)
        told = sorted((got.verified(secret) for got in there.got), key=lambda said: said["sequence"])
    assert [said["id"] for said in told] == happened
    assert [said["sequence"] for said in told] == list(range(1, 50))
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}


def test_twelve_tries_over_three_days_and_then_it_is_given_up(
    house: Workspace, there: Receiver, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    listen(house, there.url)
    happen(house)
    there.answer = lambda _path, _said: Says(500)
    until_quiet(clock, most=timedelta(days=5))
    tries = list(Attempt.objects.values_list("at", flat=True))
    waits = [(after - before) / wait for before, after, wait in zip(tries, tries[1:], retries.WAITS, strict=False)]
    assert len(tries) == 12
    assert all(1 <= wait < 1.11 for wait in waits), waits
    assert timedelta(hours=72) <= tries[-1] - tries[0] <= timedelta(hours=80)
    assert states() == [(1, "failed", 12)]


def test_a_dark_endpoint_is_paused_and_its_people_are_told(
    cast: Cast, there: Receiver, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    endpoint = listen(cast.workspace, there.url)
    happen(cast.workspace, 2)
    there.answer = lambda _path, _said: Says(503)
    until_quiet(clock, most=timedelta(days=5))
    endpoint.refresh_from_db()
    assert (endpoint.state, endpoint.why) == ("paused", "It has taken nothing for 72 hours.")
    assert [mail.to for mail in posted()] == [["alice@example.org"], ["dora@example.org"]]
    assert posted()[0].subject == "Webhooks are paused in Alice's workspace"
    assert "The last answer was 503." in posted()[0].body

    happen(cast.workspace)
    before = len(there.got)
    send(clock)
    assert len(there.got) == before, "nothing goes to a paused endpoint"
    there.answer = lambda _path, _said: Says()
    set_state(endpoint, "active")
    send(Clock())
    assert [got.sequence for got in there.got[before:]] == [1, 2, 3]
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}


def test_gone_disables_the_endpoint_at_once(
    cast: Cast, there: Receiver, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    endpoint = listen(cast.workspace, there.url)
    happen(cast.workspace, 3)
    there.answer = lambda _path, _said: Says(410)
    until_quiet(clock, most=timedelta(days=5))
    endpoint.refresh_from_db()
    assert len(there.got) == 1
    assert (endpoint.state, endpoint.why) == ("disabled", "It answered 410: nobody is there any more.")
    assert posted()[0].subject == "A webhook endpoint is disabled in Alice's workspace"
    happen(cast.workspace)
    send(clock)
    assert Delivery.objects.count() == 3, "a disabled endpoint gets no new ones"
    for deed in (lambda: send_test(endpoint), lambda: replay(endpoint, clock.now)):
        with pytest.raises(EndpointRefused, match="Enable it first"):
            deed()


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("600", 600), ("86400", 86_400), ("999999999", 86_400), ("soon", 5), ("0", 5), ("-1", 5), ("", 5)],
)
def test_retry_after_is_waited_for_up_to_a_day(
    house: Workspace, there: Receiver, clock: Clock, header: str, seconds: int
) -> None:
    endpoint = listen(house, there.url)
    happen(house, 2)
    there.answer = lambda _path, _said: Says(429, headers={"Retry-After": header} if header else {})
    send(clock)
    endpoint.refresh_from_db()
    assert endpoint.rest_until is not None
    assert seconds <= (endpoint.rest_until - clock.now).total_seconds() <= max(seconds, 5.5)
    assert Delivery.objects.get(sequence=1).next_try_at == endpoint.rest_until
    clock.move(seconds=seconds - 1)
    send(clock)
    assert len(there.got) == 1


def test_retry_after_may_be_a_date(clock: Clock) -> None:
    now = clock.now.replace(year=2027, month=5, day=1, hour=12, minute=0, second=0, microsecond=0)
    assert retries.retry_after("Sat, 01 May 2027 12:10:00 GMT", now) == timedelta(minutes=10)
    assert retries.retry_after("Sat, 01 May 2027 11:00:00 GMT", now) == timedelta()
    assert retries.retry_after("Sat, 08 May 2027 12:00:00 GMT", now) == timedelta(hours=24)


def test_a_slow_endpoint_holds_up_no_other(house: Workspace, there: Receiver) -> None:
    slow, fast = listen(house, f"{there.url}/slow"), listen(house, f"{there.url}/fast")
    happen(house, 4)
    fast_has_all, waited = Semaphore(0), []

    def answer(path: str, _said: object) -> Says:
        if path == "/fast":
            fast_has_all.release()
        elif not waited:  # the first of the slow ones, until all of the fast ones are there
            waited.extend(fast_has_all.acquire(timeout=10) for _ in range(4))
        return Says()

    there.answer = answer
    send()
    assert waited == [True] * 4
    assert [len(there.at("/slow")), len(there.at("/fast"))] == [4, 4]
    assert {endpoint.deliveries.filter(state="delivered").count() for endpoint in (slow, fast)} == {4}


def test_an_answer_that_takes_too_long_is_none(
    house: Workspace, there: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("avatarsite.outbox.posting.SECONDS", 0.2)
    listen(house, there.url)
    happen(house)
    given_up = Flag()
    there.answer = lambda _path, _said: Says() if given_up.wait(60) else Says(500)
    send()
    given_up.set()
    attempt = Attempt.objects.get()
    assert (attempt.code, attempt.answer) == (None, "No answer came within 0 s.")
    assert 200 <= attempt.took_ms < 10_000


@pytest.mark.parametrize("where", ["http://169.254.169.254/latest/meta-data/", "http://a:b/", "javascript:alert(1)"])
def test_a_redirect_is_a_failure_with_a_sentence(house: Workspace, there: Receiver, where: str) -> None:
    listen(house, f"{there.url}/old")
    happen(house)
    there.answer = lambda _path, _said: Says(307, headers={"Location": where})
    send()
    assert [got.path for got in there.got] == ["/old"]
    assert Delivery.objects.get().answer == (
        f"It leads on to {where}, and redirects are not followed. Give the endpoint its final address."
    )


def test_two_secrets_sign_while_one_replaces_the_other(house: Workspace, there: Receiver, clock: Clock) -> None:
    endpoint = listen(house, there.url)
    old = secret_of(endpoint)
    rotate_secret(endpoint, overlap=timedelta(hours=1))
    new = secret_of(endpoint)
    happen(house)
    send(clock)
    clock.move(hours=2)
    happen(house)
    send(clock)
    during, after = there.got
    assert during.verified(old) == during.verified(new)
    assert len(during.headers["webhook-signature"].split()) == 2
    assert after.verified(new)["sequence"] == 2
    with pytest.raises(WebhookVerificationError):
        after.verified(old)


def test_a_leaked_secret_can_be_replaced_at_once(house: Workspace, there: Receiver) -> None:
    endpoint = listen(house, there.url)
    leaked = secret_of(endpoint)
    rotate_secret(endpoint, overlap=timedelta())
    happen(house)
    send()
    with pytest.raises(WebhookVerificationError):
        there.got[0].verified(leaked)


def test_a_forged_event_is_found_out(house: Workspace, there: Receiver) -> None:
    secret = secret_of(listen(house, there.url))
    happen(house)
    send()
    (got,) = there.got
    for forged in (
        {"body": got.body.replace(b"rnd_0", b"rnd_9")},
        {"headers": got.headers | {"webhook-id": "evt_other"}},
        {"headers": got.headers | {"webhook-timestamp": str(int(got.headers["webhook-timestamp"]) - 1)}},
        {"headers": got.headers | {"webhook-timestamp": str(int(got.headers["webhook-timestamp"]) - 600)}},
    ):
        parts: dict[str, Any] = {"body": got.body, "headers": got.headers} | forged
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(parts["body"], parts["headers"])


def test_secrets_are_stored_encrypted_and_differ(house: Workspace) -> None:
    first, second = listen(house, "https://a.example.com/"), listen(house, "https://b.example.com/")
    assert secret_of(first) != secret_of(second)
    assert secret_of(first).startswith("whsec_")
    assert "whsec_" not in first.secret
    assert secret_of(first).removeprefix("whsec_") not in first.secret


def test_a_secret_that_cannot_be_read_is_told_and_nothing_sent(
    house: Workspace, there: Receiver, settings: Any
) -> None:
    listen(house, there.url)
    happen(house)
    settings.SECRET_KEY = "another"
    send()
    assert there.got == []
    assert Delivery.objects.get().answer.startswith("Its secret was sealed with another SECRET_KEY.")


def test_a_test_event_goes_to_its_endpoint_alone_even_a_paused_one(
    house: Workspace, there: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    one, _other = listen(house, f"{there.url}/one", "render.failed"), listen(house, f"{there.url}/other")
    happen(house)
    set_state(one, "paused")
    event = send_test(one)
    send()
    assert [(got.path, got.said["type"]) for got in there.got if got.id == event.id] == [("/one", "webhook.test")]
    assert [got.said["type"] for got in there.at("/other")] == ["render.ready"]


def test_a_delivery_is_sent_once_more_on_request(house: Workspace, there: Receiver) -> None:
    listen(house, there.url)
    happen(house)
    send()
    resend(Delivery.objects.get())
    send()
    first, second = there.got
    assert (first.id, first.body) == (second.id, second.body)
    assert Attempt.objects.count() == 2


def test_what_happened_since_a_time_is_sent_again_in_order(
    house: Workspace, there: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    endpoint = listen(house, there.url)
    happen(house, 2)
    send()
    set_state(endpoint, "disabled")
    missed = happen(house, 2)
    send()
    set_state(endpoint, "active")
    there.got.clear()
    second = Event.objects.order_by("row")[1]
    assert replay(endpoint, second.created_at) == 3
    send()
    assert [(got.id, got.sequence) for got in there.got] == [
        (second.id, 2),
        (missed[0].id, 3),
        (missed[1].id, 4),
    ]


def test_events_are_forgotten_after_thirty_days_and_numbers_never_come_back(
    house: Workspace, there: Receiver, clock: Clock
) -> None:
    listen(house, there.url)
    happen(house, 2)
    send()
    Event.objects.update(created_at=clock.now - timedelta(days=31))
    assert forget_old_events() == 2
    assert (Event.objects.count(), Delivery.objects.count(), Attempt.objects.count()) == (0, 0, 0)
    happen(house)
    send()
    assert there.got[-1].sequence == 3
    assert Event.objects.get().number == 3


def test_an_endpoint_that_is_deleted_while_it_is_sent_to_is_gone(house: Workspace, clock: Clock) -> None:
    endpoint = listen(house, "https://hooks.example.com/")
    happen(house)
    fan_out(house.pk)
    claimed = deliveries.claim(Delivery.objects.get().pk, clock.now)
    assert claimed is not None
    delete_endpoint(endpoint)
    assert deliveries.record(claimed, PostResult(200, "thanks", 5), clock.now) is False
    assert (Endpoint.objects.count(), Attempt.objects.count(), Event.objects.count()) == (0, 0, 1)
