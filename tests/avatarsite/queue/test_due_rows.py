"""The list of what sweeps look at: what each app has registered, how much of it is due and since when."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_q.models import OrmQ

from avatarsite.inbox.models import InboundEvent
from avatarsite.mail.models import MailMessage
from avatarsite.queue import due_rows, jobs
from avatarsite.queue.sweeping import sweep, sweep_kind

LEASE = timedelta(minutes=1)
KINDS = {
    "inbound_event", "webhook", "mail",
    "top_up", "refund",
    "bin", "table_check", "table",
    "retention", "export", "export_file", "closing", "departure",
    "late", "give_up", "rendition", "review",
    "submit", "ingest", "listening", "long_video", "cancel", "deliver", "overdue", "video_files",
    "speech", "speech_overdue", "spoken", "speech_here", "captions",
    "gateway_request", "gateway_webhook", "late_request", "gateway_file", "begun_file",
}  # fmt: skip


def event(name: str, due: datetime | None) -> InboundEvent:
    return InboundEvent.objects.create(source="stripe", event_id=name, body=b"{}", next_try_at=due)


def test_every_room_has_registered_what_is_its_own() -> None:
    assert set(due_rows.kinds) == KINDS
    tasks = [kind for kind in due_rows.kinds.values() if kind.task]
    assert all(callable(jobs.resolve(kind.task)) for kind in tasks)
    assert [kind.name for kind in due_rows.kinds.values() if kind.act and (kind.task or not kind.what)] == []


@pytest.mark.django_db
def test_what_is_due_is_counted_and_the_oldest_told() -> None:
    now = timezone.now()
    oldest = now - timedelta(hours=2)
    for name, due in (("a", oldest), ("b", now), ("claimed", now + timedelta(minutes=1)), ("done", None)):
        event(name, due)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        counts = {found.kind: found for found in due_rows.overview()}
    assert len(asked) <= len(KINDS)
    assert counts.pop("inbound_event") == ("inbound_event", 2, oldest)
    assert {found[1:] for found in counts.values()} == {(0, None)}


@pytest.mark.django_db
def test_each_row_gets_its_task_the_oldest_first_and_a_sender_gets_one() -> None:
    now = timezone.now()
    newer, older = event("newer", now), event("older", now - timedelta(seconds=1))
    assert sweep_kind("inbound_event") == 2
    assert [task.task["kwargs"] for task in OrmQ.objects.order_by("pk")] == [
        {"event_pk": older.pk},
        {"event_pk": newer.pk},
    ]
    OrmQ.objects.all().delete()
    for key in ("a", "b"):
        MailMessage.objects.create(
            key=key, to="a@example.org", text="x", created_at=now, next_try_at=now, give_up_at=now
        )
    found = sweep()
    assert (found["mail"], found["inbound_event"], found["webhook"]) == (2, 2, 0)
    assert [task.name() for task in OrmQ.objects.order_by("pk")] == [
        *["avatarsite.handle_event"] * 2, "avatarsite.send_mail",
    ]  # fmt: skip


@pytest.mark.django_db
def test_one_of_two_claims_the_row_and_its_try_is_counted_before_the_work() -> None:
    pk = event("a", timezone.now()).pk
    first, second = (InboundEvent.objects.get(pk=pk) for _ in range(2))
    assert (first.claim(LEASE), second.claim(LEASE)) == (True, False)
    stored = InboundEvent.objects.get(pk=pk)
    assert (stored.tries, stored.next_try_at) == (first.tries, first.next_try_at) == (1, first.next_try_at)
    assert stored.claim(LEASE) is False  # not before the lease is over


@pytest.mark.django_db
def test_who_has_lost_the_row_writes_nothing() -> None:
    pk = event("a", timezone.now()).pk
    slow = InboundEvent.objects.get(pk=pk)
    assert slow.claim(timedelta(0))
    quick = InboundEvent.objects.get(pk=pk)
    assert quick.claim(LEASE)
    assert (slow.put_off(LEASE, outcome="slow"), slow.finish(outcome="slow")) == (False, False)
    assert quick.put_off(2 * LEASE, outcome="again")
    assert InboundEvent.objects.get(pk=pk).outcome == "again"
    assert quick.finish(outcome="done")
    stored = InboundEvent.objects.get(pk=pk)
    assert (stored.tries, stored.next_try_at, stored.outcome) == (2, None, "done")
    assert stored.claim(LEASE) is False


def test_waits_double_up_to_the_most() -> None:
    waits = [due_rows.backoff(tries, first=5, most=60).total_seconds() for tries in (0, 1, 2, 3, 5, 500)]
    assert waits == [5, 5, 10, 20, 60, 60]
