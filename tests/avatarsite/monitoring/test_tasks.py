"""Tasks as they are seen from outside: of which request they are, and how they went."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django_q.models import OrmQ
from structlog.contextvars import get_contextvars

from avatarsite.monitoring import logs, tasks
from avatarsite.queue import jobs

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def about_nothing() -> Iterator[None]:
    logs.begin()
    yield
    logs.begin()


def counted(task: str, outcome: str) -> float:
    return float(tasks.TASKS.labels(task, outcome)._value.get())


def test_what_a_request_has_queued_is_of_that_request() -> None:
    logs.begin(request="req_1")
    jobs.enqueue("studio.ingest", render_id="rnd_1")
    jobs.enqueue("studio.watch")
    of_one, of_all = (row.task for row in OrmQ.objects.order_by("pk"))
    tasks._begin(task=of_one)
    assert get_contextvars() == {"task": "studio.ingest", "request": "req_1", "render": "rnd_1"}
    jobs.enqueue("studio.deliver", render_id="rnd_1")
    following = OrmQ.objects.latest("pk").task
    tasks._end(task={**of_one, "success": True})
    assert get_contextvars() == {}
    tasks._begin(task=following)
    assert get_contextvars()["request"] == "req_1"  # what a task queues is of the same
    tasks._begin(task=of_all)
    assert get_contextvars() == {"task": "studio.watch"}  # it looks after everybody's


def test_tasks_are_counted_by_how_they_went() -> None:
    before = counted("studio.ingest", "done"), counted("studio.ingest", "failed")
    for success in (True, False, True):
        tasks._begin(task={"name": "studio.ingest", "kwargs": {"render_id": "rnd_1"}})
        tasks._end(task={"name": "studio.ingest", "success": success})
    assert (counted("studio.ingest", "done"), counted("studio.ingest", "failed")) == (before[0] + 2, before[1] + 1)


def test_a_task_without_a_request_is_queued_as_before() -> None:
    jobs.enqueue("studio.ingest", render_id="rnd_1")
    assert "group" not in OrmQ.objects.get().task
