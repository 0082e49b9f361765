"""A workspace with endpoints, events for them, and a clock that is moved by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils import timezone

from avatarsite.outbox.endpoints import make_endpoint
from avatarsite.outbox.events import record_event
from avatarsite.outbox.models import Delivery, Endpoint, Event
from avatarsite.outbox.sender import send_webhooks
from avatarsite.workspaces.models import Workspace


@dataclass
class Clock:
    """Ahead of the real one by more than a test takes: what the product stamps meanwhile is due by it."""

    now: datetime = field(default_factory=lambda: timezone.now() + timedelta(minutes=10))

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


def make_house(slug: str = "house") -> Workspace:
    return Workspace.objects.create(slug=slug, name="House")


def listen(house: Workspace, url: str, *kinds: str) -> Endpoint:
    return make_endpoint(house, url=url, kinds=kinds or ("*",), user=None)


def happen(house: Workspace, count: int = 1, kind: str = "render.ready") -> list[Event]:
    made = range(Event.objects.count(), Event.objects.count() + count)
    return [record_event(house.pk, kind, subject=f"render:rnd_{n}", data={"id": f"rnd_{n}"}) for n in made]


def send(clock: Callable[[], datetime] | None = None) -> bool:
    """One round, which ends when nothing is due by the clock."""
    return send_webhooks(run_seconds=600, idle_seconds=0, clock=clock or Clock())


def until_quiet(clock: Clock, *, most: timedelta) -> None:
    """Rounds at the moments when something is due, until nothing is or the time is over."""
    end = clock.now + most
    while clock.now <= end:
        send(clock)
        due = Delivery.objects.exclude(next_try_at=None).order_by("next_try_at").first()
        if due is None or due.next_try_at is None:
            return
        rests = [row.rest_until for row in Endpoint.objects.all() if row.rest_until]
        clock.now = max([due.next_try_at, *rests, clock.now + timedelta(milliseconds=1)])


def states(rows: Sequence[Delivery] | None = None) -> list[tuple[int, str, int]]:
    """Sequence, state and tries of all deliveries."""
    found = rows if rows is not None else Delivery.objects.order_by("endpoint__created_at", "sequence")
    return [(row.sequence, row.state, row.tries) for row in found]
