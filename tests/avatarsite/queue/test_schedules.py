"""What the apps have registered, and the rows that make the queue run it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connections
from django.utils import timezone
from django_q.models import OrmQ, Schedule
from django_q.scheduler import scheduler

from avatarsite.queue import jobs
from avatarsite.queue.schedules import sync_schedules


def test_everything_by_the_clock_is_a_function_of_its_apps_tasks() -> None:
    assert all(callable(jobs.resolve(name)) for name in jobs.by_the_clock())


def test_long_work_has_a_cluster_of_its_own_and_copies_have_more_time() -> None:
    assert (jobs.task_of("studio.watch").cluster, jobs.task_of("studio.tell").cluster) == (jobs.WATCH, jobs.MAIN)
    assert (jobs.task_of("studio.ingest").timeout, jobs.task_of("studio.tell").timeout) == (1800, None)


@pytest.mark.django_db
def test_rows_are_added_corrected_and_removed() -> None:
    sync_schedules()
    Schedule.objects.filter(name="avatarsite.sweep").update(minutes=7, func="gone")
    Schedule.objects.create(name="studio.old", func="studio.tasks.old")
    assert sync_schedules() == list(jobs.by_the_clock())
    assert set(Schedule.objects.values_list("name", flat=True)) == set(jobs.by_the_clock())
    found = Schedule.objects.get(name="avatarsite.sweep")
    assert (found.func, found.minutes, found.cluster, found.repeats) == ("avatarsite.tasks.sweep", 1, jobs.MAIN, -1)


@pytest.mark.django_db(transaction=True)
def test_what_the_clock_queues_has_its_name_and_its_time() -> None:
    sync_schedules()
    Schedule.objects.exclude(name="studio.verify_storage").delete()
    Schedule.objects.update(next_run=timezone.now())
    scheduler()
    (task,) = [row.task for row in OrmQ.objects.all()]
    expected = ("studio.verify_storage", "studio.tasks.verify_storage", 900)
    assert (task["name"], task["func"], task["timeout"]) == expected


@pytest.mark.django_db(transaction=True)
def test_workers_that_start_at_once_make_each_row_once_and_doubles_go() -> None:
    together = Barrier(4)

    def start(_: int) -> int:
        try:
            together.wait()
            return len(sync_schedules())
        finally:
            connections.close_all()

    Schedule.objects.all().delete()
    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(start, range(4))) == {len(jobs.by_the_clock())}
    assert sorted(Schedule.objects.values_list("name", flat=True)) == sorted(jobs.by_the_clock())
    Schedule.objects.create(name="avatarsite.sweep", func="avatarsite.tasks.sweep")
    sync_schedules()
    assert Schedule.objects.filter(name="avatarsite.sweep").count() == 1
