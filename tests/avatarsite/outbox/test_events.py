from __future__ import annotations

import pytest
from django.db import transaction

from avatarsite.outbox.events import fan_out, record_event
from avatarsite.outbox.models import Delivery, Endpoint, EndpointState, Event
from avatarsite.workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def house() -> Workspace:
    return Workspace.objects.create(slug="house", name="House")


def record(workspace: Workspace, kind: str) -> Event:
    return record_event(workspace.pk, kind, subject="render:rnd_1", data={"id": "rnd_1"})


def listen(workspace: Workspace, *kinds: str, state: str = EndpointState.ACTIVE) -> Endpoint:
    return Endpoint.objects.create(
        workspace=workspace, url="https://hooks.example.com/", kinds=list(kinds), secret="", state=state
    )


def test_events_are_numbered_in_their_order_without_gaps(house: Workspace) -> None:
    made = [record(house, kind).id for kind in ("render.queued", "render.rendering", "render.ready")]

    assert (fan_out(house.pk), fan_out(house.pk)) == (3, 0)
    assert list(Event.objects.order_by("number").values_list("id", "number")) == list(zip(made, (1, 2, 3), strict=True))


def test_each_endpoint_counts_the_events_that_it_wants(house: Workspace) -> None:
    every, some, off = listen(house, "*"), listen(house, "render.ready"), listen(house, "*", state="disabled")
    for kind in ("render.queued", "render.ready"):
        record(house, kind)
    fan_out(house.pk)

    def of(endpoint: Endpoint) -> list[tuple[int, str]]:
        found = Delivery.objects.filter(endpoint=endpoint).order_by("sequence")
        return list(found.values_list("sequence", "event__kind"))

    assert of(every) == [(1, "render.queued"), (2, "render.ready")]
    assert of(some) == [(1, "render.ready")]
    assert of(off) == []


def test_a_paused_endpoint_keeps_its_deliveries_for_later(house: Workspace) -> None:
    listen(house, "*", state=EndpointState.PAUSED)
    record(house, "render.ready")
    fan_out(house.pk)
    assert list(Delivery.objects.values_list("sequence", "next_try_at")) == [(1, None)]


def test_an_event_goes_with_its_transaction(house: Workspace) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():  # noqa: PT012 -- the transaction is what is tested
        record(house, "render.ready")
        raise ZeroDivisionError
    assert Event.objects.count() == 0


def test_an_unknown_kind_is_named(house: Workspace) -> None:
    with pytest.raises(ValueError, match=r"The kind is 'render\.lost'"):
        record(house, "render.lost")
