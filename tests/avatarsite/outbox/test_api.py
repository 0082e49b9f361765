"""Webhook endpoints by the API: who may, what is refused, and the log that programs read."""

from __future__ import annotations

import logging

import pytest

from avatarsite.outbox.events import fan_out
from avatarsite.outbox.models import Delivery, Endpoint
from tests.avatarsite.outbox.cast import happen, send
from tests.avatarsite.outbox.receiver import Receiver, Says
from tests.conftest import Cast
from tests.studio.api.conftest import Caller, caller

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(cast: Cast) -> Caller:
    return caller(cast.workspace, cast.alice)


def test_an_endpoint_is_made_changed_and_deleted(api: Caller, there: Receiver) -> None:
    made = api.post("webhook-endpoints", {"url": there.url, "kinds": ["render.ready", "balance.low"]})
    assert made.status_code == 201
    pk = made.json()["id"]
    assert made.headers["Location"] == f"/api/v1/webhook-endpoints/{pk}"
    assert "secret" not in made.json()
    assert api.get(f"webhook-endpoints/{pk}").json() == made.json()
    changed = api.ask("PATCH", f"webhook-endpoints/{pk}", {"kinds": ["*"], "state": "paused"}).json()
    assert (changed["kinds"], changed["state"], changed["url"]) == (["*"], "paused", there.url)
    assert [one["id"] for one in api.get("webhook-endpoints").json()["data"]] == [pk]
    assert api.ask("DELETE", f"webhook-endpoints/{pk}").status_code == 204
    assert api.get(f"webhook-endpoints/{pk}").status_code == 404


def test_a_repeat_makes_one_endpoint(api: Caller, there: Receiver) -> None:
    first, again = (api.post("webhook-endpoints", {"url": there.url}, Idempotency_Key="one") for _ in range(2))
    assert first.json() == again.json()
    assert Endpoint.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 400, "url"),
        ({"url": ""}, 400, "url"),
        ({"url": "https://example.com/", "kinds": []}, 400, "kinds"),
        ({"url": "https://example.com/", "kinds": ["render.lost"]}, 400, "kinds.0"),
        ({"url": "https://example.com/", "secret": "whsec_mine"}, 400, "secret"),
        ({"url": "http://93.184.216.34/"}, 422, "url"),
        ({"url": "https://10.0.0.1/"}, 422, "url"),
        ({"url": "ftp://example.com/"}, 422, "url"),
    ],
)
def test_what_is_wrong_is_named(api: Caller, body: object, status: int, field: str) -> None:
    refused = api.post("webhook-endpoints", body)
    assert (refused.status_code, refused.json()["field"]) == (status, field)
    assert Endpoint.objects.count() == 0


def test_a_workspace_has_at_most_twenty(api: Caller, there: Receiver) -> None:
    answers = [api.post("webhook-endpoints", {"url": there.url}).status_code for _ in range(21)]
    assert answers == [201] * 20 + [422]


def test_the_secret_is_for_admins_and_rotates(cast: Cast, api: Caller, there: Receiver) -> None:
    pk = api.post("webhook-endpoints", {"url": there.url}).json()["id"]
    reader = caller(cast.workspace, cast.alice, "read")
    assert reader.get(f"webhook-endpoints/{pk}/secret").status_code == 403
    before = api.get(f"webhook-endpoints/{pk}/secret").json()["secret"]
    rotated = api.post(f"webhook-endpoints/{pk}/rotate", {"overlap_seconds": 3600})
    assert (rotated.status_code, rotated.json()["old_secret_until"] is None) == (200, False)
    after = api.get(f"webhook-endpoints/{pk}/secret").json()["secret"]
    happen(cast.workspace)
    send()
    (got,) = there.got
    assert before != after
    assert got.verified(before) == got.verified(after)


def test_the_log_has_body_and_answers_and_sends_again(cast: Cast, api: Caller, there: Receiver) -> None:
    pk = api.post("webhook-endpoints", {"url": there.url}).json()["id"]
    happened = happen(cast.workspace, 3)
    there.answer = lambda _path, _said: Says(200, b"thanks")
    send()
    page = api.get(f"webhook-endpoints/{pk}/deliveries?limit=2&state=delivered").json()
    assert [one["sequence"] for one in page["data"]] == [3, 2]
    rest = api.get(f"webhook-endpoints/{pk}/deliveries?limit=2&cursor={page['next_cursor']}").json()
    assert ([one["sequence"] for one in rest["data"]], rest["has_more"]) == ([1], False)
    first = rest["data"][0]["id"]
    full = api.get(f"webhook-endpoints/{pk}/deliveries/{first}").json()
    assert full["body"] == there.got[0].said
    assert [(one["code"], one["answer"]) for one in full["attempts"]] == [(200, "thanks")]
    assert api.post(f"webhook-endpoints/{pk}/deliveries/{first}/resend").status_code == 202
    assert api.post(f"webhook-endpoints/{pk}/test").status_code == 202
    since = {"since": happened[1].created_at.isoformat()}
    assert api.post(f"webhook-endpoints/{pk}/replay", since).json() == {"deliveries": 2}
    there.got.clear()
    send()
    assert [(got.sequence, got.said["type"]) for got in there.got] == [
        (1, "render.ready"),
        (2, "render.ready"),
        (3, "render.ready"),
        (4, "webhook.test"),
    ]


def test_events_are_read_in_order_without_an_endpoint(cast: Cast, api: Caller) -> None:
    ids = [event.id for event in happen(cast.workspace, 3)]
    first = api.get("events?limit=2").json()
    assert [one["number"] for one in first["data"]] == [1, 2]
    rest = api.get(f"events?after={first['next_cursor']}").json()
    assert [one["id"] for one in first["data"] + rest["data"]] == ids
    assert api.get("events?after=3").json()["data"] == []
    assert api.get(f"events/{ids[0]}").json() == first["data"][0]
    assert api.get("events?kind=render.failed").json()["data"] == []


def test_an_event_without_a_number_waits_for_the_next_page(
    cast: Cast, api: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    (numbered,) = happen(cast.workspace)

    def number_and_be_overtaken(workspace_id: str) -> None:
        fan_out(workspace_id)
        happen(cast.workspace)

    monkeypatch.setattr("avatarsite.outbox.api.fan_out", number_and_be_overtaken)
    assert [event["id"] for event in api.get("events").json()["data"]] == [numbered.id]


READS = ("", "/secret", "/deliveries", "/deliveries/{d}")
WRITES = ("/rotate", "/test", "/replay", "/deliveries/{d}/resend")


@pytest.mark.parametrize(
    ("scope", "reads", "secret", "writes"),
    [("read", 200, 403, 403), ("render", 200, 403, 403), ("billing", 403, 403, 403), ("admin", 200, 200, 202)],
)
def test_how_far_each_scope_reaches(  # noqa: PLR0917 -- a table's columns
    scope: str, reads: int, secret: int, writes: int, cast: Cast, api: Caller, there: Receiver
) -> None:
    pk = api.post("webhook-endpoints", {"url": there.url}).json()["id"]
    happen(cast.workspace)
    send()
    delivery = Delivery.objects.get().pk
    one = caller(cast.workspace, cast.alice, scope)
    stranger = caller(cast.charlie.workspaces.get(), cast.charlie, scope)

    def at(end: str) -> str:
        return f"webhook-endpoints/{pk}{end.format(d=delivery)}"

    answers = {end: one.get(at(end)).status_code for end in READS}
    assert answers == {end: secret if end == "/secret" else reads for end in READS}
    assert one.get("events").status_code == reads
    assert one.post(at("/test")).status_code == writes
    strange = [stranger.get(at(end)).status_code for end in READS]
    strange += [
        stranger.post(at(end), {"since": "2026-01-01T00:00:00Z"} if end == "/replay" else {}).status_code
        for end in WRITES
    ]
    assert set(strange) <= {403, 404}
    if scope == "admin":
        assert set(strange) == {404}
    assert stranger.ask("DELETE", at("")).status_code in {403, 404}
    assert stranger.ask("PATCH", at(""), {"state": "disabled"}).status_code in {403, 404}
    assert Endpoint.objects.get().state == "active"


def test_a_disabled_endpoint_refuses_with_a_remedy(
    api: Caller, there: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    pk = api.post("webhook-endpoints", {"url": there.url}).json()["id"]
    api.ask("PATCH", f"webhook-endpoints/{pk}", {"state": "disabled"})
    refused = api.post(f"webhook-endpoints/{pk}/test")
    assert (refused.status_code, refused.json()["code"]) == (422, "endpoint_refused")
    assert refused.json()["detail"] == "This endpoint is disabled. Enable it first."
