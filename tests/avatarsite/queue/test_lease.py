"""Leases of tasks: who gets one, who waits, and what the next one is told."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connections
from django.db.models import F
from django_q.models import OrmQ

from avatarsite.models import Lease
from avatarsite.queue import lease

TASK = "avatarsite.send_webhooks"


def queued() -> list[str]:
    return [row.task["name"] for row in OrmQ.objects.all()]


def pass_time(time: timedelta) -> None:
    Lease.objects.update(expires_at=F("expires_at") - time)


@pytest.mark.django_db
def test_one_has_it_at_a_time_until_it_lets_go_or_its_time_is_up() -> None:
    assert [lease.acquire(TASK, owner) for owner in ("a", "b", "a")] == [True, False, True]
    lease.release(TASK, "b")
    assert lease.acquire(TASK, "b") is False
    lease.release(TASK, "a")
    assert [lease.acquire(TASK, owner) for owner in ("b", "a")] == [True, False]
    pass_time(lease.LIFE)
    assert [lease.acquire(TASK, owner) for owner in ("a", "b")] == [True, False]
    assert lease.acquire("another.task", "b") is True


@pytest.mark.django_db
def test_nobody_has_it_during_a_pause() -> None:
    assert lease.acquire(TASK, "a") is True
    lease.release(TASK, "a", pause=timedelta(seconds=30))
    assert lease.acquire(TASK, "b") is False
    pass_time(timedelta(seconds=30))
    assert lease.acquire(TASK, "b") is True


@pytest.mark.django_db
def test_the_next_one_is_told_what_the_last_has_left() -> None:
    assert lease.handover(TASK) == {}
    lease.acquire(TASK, "a", handover={"fal": 2})
    lease.acquire(TASK, "a")
    lease.release(TASK, "a")
    lease.acquire(TASK, "b")
    assert lease.handover(TASK) == {"fal": 2}


@pytest.mark.django_db
def test_a_task_is_woken_unless_somebody_is_at_it() -> None:
    lease.acquire(TASK, "a")
    lease.wake(TASK)
    assert queued() == []
    lease.release(TASK, "a")
    lease.wake(TASK)
    assert queued() == [TASK]


@pytest.mark.django_db
@pytest.mark.parametrize(("is_left", "successors"), [(True, [TASK]), (False, [])])
def test_a_successor_is_queued_if_work_is_left(is_left: bool, successors: list[str]) -> None:
    owners: list[str] = []
    assert lease.run_alone(TASK, owners.append, lambda: is_left) is True
    assert queued() == successors
    assert lease.acquire(TASK, "b") is True
    assert lease.run_alone(TASK, owners.append, lambda: is_left) is False
    assert (len(owners), queued()) == (1, successors)


@pytest.mark.django_db
def test_one_that_breaks_lets_go_and_has_a_successor() -> None:
    def break_down(_owner: str) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        lease.run_alone(TASK, break_down, lambda: True)
    assert queued() == [TASK]
    assert lease.acquire(TASK, "b") is True


@pytest.mark.django_db(transaction=True)
def test_of_several_at_once_one_gets_it() -> None:
    together = Barrier(4)

    def take(owner: str) -> bool:
        try:
            together.wait()
            return lease.acquire(TASK, owner)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as threads:
        for turn in range(5):
            got = list(threads.map(take, (f"{turn}-{name}" for name in "abcd")))
            assert sorted(got) == [False, False, False, True]
            Lease.objects.all().delete() if turn % 2 else pass_time(lease.LIFE)


@pytest.mark.django_db
def test_what_its_holder_dropped_is_queued_once_and_what_was_let_go_is_not() -> None:
    mail = "avatarsite.send_mail"
    for task, owner in ((TASK, "killed"), ("studio.watch", "at it"), (mail, "done"), ("backup", "killed")):
        assert lease.acquire(task, owner) is True
    lease.release(mail, "done", pause=lease.LIFE)
    lease.queue_dropped()
    assert queued() == []
    pass_time(lease.LIFE)
    assert lease.acquire("studio.watch", "at it") is True
    lease.queue_dropped()
    lease.queue_dropped()
    assert queued() == [TASK]
    assert lease.acquire(TASK, "next") is True
