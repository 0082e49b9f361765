"""A host's clock that is set: what waits is moved along once, and whoever had a row in hands keeps it."""

from __future__ import annotations

import errno
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone
from django_q.models import OrmQ

from avatarsite.inbox.models import InboundEvent
from avatarsite.models import Alert, Canary, Lease
from avatarsite.outages.answers import outage_of
from avatarsite.queue import clock
from avatarsite.queue.sweeping import sweep

pytestmark = pytest.mark.django_db
LEASE = timedelta(minutes=2)
Step = Callable[[float], None]


@pytest.fixture
def step(monkeypatch: pytest.MonkeyPatch) -> Step:
    """Set the clock by so many seconds, as this process and all others of its host see it."""
    now = clock._offset()
    monkeypatch.setattr(clock, "_known", now)
    monkeypatch.setattr(clock, "_set_by", timedelta())
    at = [now]
    real = timezone.now
    monkeypatch.setattr(clock, "_offset", lambda: at[0])
    monkeypatch.setattr(timezone, "now", lambda: real() + timedelta(seconds=at[0] - now))

    def set_by(seconds: float) -> None:
        at[0] += seconds

    return set_by


def event(due: datetime) -> InboundEvent:
    return InboundEvent.objects.create(source="stripe", event_id=str(due), body=b"{}", next_try_at=due)


@pytest.mark.parametrize("seconds", [3600, -3600])
def test_what_waits_is_moved_along_by_one_process_once(
    step: Step, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    now, by = timezone.now(), timedelta(seconds=seconds)
    row, done = event(now), InboundEvent.objects.create(source="stripe", event_id="done", body=b"{}")
    lease = Lease.objects.create(task="of a test", expires_at=now)
    task = OrmQ.objects.create(key="main", payload="", lock=now)
    step(seconds)
    assert (clock.mind_the_clock(), clock.mind_the_clock()) == (by, timedelta())
    monkeypatch.setattr(clock, "_known", clock._offset() - seconds)  # another process, which has not asked yet
    assert clock.mind_the_clock() == by
    for each in (row, done, lease, task):
        each.refresh_from_db()
    assert (row.next_try_at, done.next_try_at, lease.expires_at, task.lock) == (now + by, None, now + by, now + by)
    assert clock.as_others_tell(now + by) == [now + by, now]


def test_a_clock_that_was_set_while_nobody_worked_is_noticed_by_who_starts(
    step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    clock.know_the_clock()
    row = event(now + timedelta(hours=1))
    step(-3600)
    monkeypatch.setattr(clock, "_known", clock._offset())  # another process, which has begun since
    assert clock.mind_the_clock() == timedelta()
    clock.know_the_clock()
    assert clock.mind_the_clock() == timedelta(hours=-1)
    row.refresh_from_db()
    assert row.next_try_at == now


@pytest.mark.parametrize("seconds", [3600, -3600])
@pytest.mark.parametrize(("clock_of_other", "silent_for", "moved"), [("b", 0, False), ("b", 301, True), ("", 0, True)])
def test_one_host_moves_nothing_while_workers_go_by_another_clock(
    step: Step, seconds: int, clock_of_other: str, silent_for: int, moved: bool
) -> None:
    now = timezone.now()
    mine, row = event(now - timedelta(minutes=2)), event(now)
    assert mine.claim(LEASE)
    last = now - timedelta(seconds=silent_for)
    Canary.objects.create(worker="w", cluster="main", clock=clock_of_other, stamped_at=last)
    Canary.objects.create(worker="own", cluster="main", clock=clock.clock_id(), stamped_at=now)
    step(seconds)
    assert clock.mind_the_clock() == timedelta(seconds=seconds)
    row.refresh_from_db()
    assert row.next_try_at == (now + timedelta(seconds=seconds) if moved else now)
    assert clock.as_others_tell(now) == [now, now - timedelta(seconds=seconds)]
    assert mine.finish(outcome="done")  # whoever has it in hands keeps it


def test_a_clock_that_drifts_moves_nothing_and_there_and_back_is_where_it_was(step: Step) -> None:
    now = timezone.now()
    row = event(now)
    step(29)
    assert clock.mind_the_clock() == timedelta()
    step(-29)
    for seconds in (3600, -3600):
        step(seconds)
        clock.mind_the_clock()
    row.refresh_from_db()
    assert row.next_try_at == now


@pytest.mark.parametrize("seconds", [3600, -3600])
def test_what_is_written_between_the_step_and_its_being_noticed_stays(step: Step, seconds: int) -> None:
    step(seconds)
    now = timezone.now()
    rows = [event(now), event(now + timedelta(minutes=5))]
    clock.mind_the_clock()
    assert [InboundEvent.objects.get(pk=row.pk).next_try_at for row in rows] == [row.next_try_at for row in rows]


def test_who_has_a_row_in_hands_keeps_it_and_nobody_takes_it_early(step: Step) -> None:
    mine = event(timezone.now() - timedelta(seconds=1))
    assert mine.claim(LEASE)
    step(3600)
    other = InboundEvent.objects.get(pk=mine.pk)
    # By the clock that was set the lease is over: not by the row, which is moved along with the first look.
    assert not other.claim(LEASE)
    assert mine.finish(outcome="done")
    assert InboundEvent.objects.get(pk=mine.pk).outcome == "done"


def test_a_step_is_an_alert_once(step: Step) -> None:
    step(-3600)
    sweep()
    sweep()
    (alert,) = Alert.objects.filter(kind="clock_stepped")
    assert (alert.count, "-3600 seconds" in alert.message) == (1, True)


@pytest.mark.parametrize(
    ("error", "part"),
    [
        (OSError(errno.ENOSPC, "full"), "disk"),
        (OSError(errno.ECONNRESET, "gone"), None),
        (OperationalError("gone"), "database"),
        (ValueError("a defect"), None),
    ],
)
def test_a_part_that_is_away_is_no_try_of_a_row(error: Exception, part: str | None) -> None:
    row = event(timezone.now())
    assert row.claim(LEASE)
    before = row.next_try_at
    outage = outage_of(error)
    assert (outage.part if outage else None) == part
    assert row.waits_out(error) is (part is not None)
    row.refresh_from_db()
    if part is None:
        assert (row.tries, row.next_try_at) == (1, before)
    else:
        assert (row.tries, row.next_try_at is not None) == (0, True)


def test_a_library_that_took_a_full_disk_for_a_bad_file_is_seen_through() -> None:
    error = ValueError("can't be read")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    outage = outage_of(error)
    assert outage is not None
    assert (outage.part, outage.how) == ("disk", "is full")
