"""What the watch reads twice a second, however many renders there have been; and what it writes of those in flight."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from studio.models import Outcome, ProviderJob, Render, RenderState
from studio.pipeline.reports import store_progress
from studio.pipeline.submit import due_submits
from studio.pipeline.watch.rows import load_due
from studio.providers.types import JobReport, JobStatus
from tests.flows.cast import ask, make_studio

pytestmark = pytest.mark.django_db


@pytest.mark.sqlite  # PostgreSQL reads a short table whole
def test_what_is_due_is_found_by_an_index() -> None:
    assert "USING INDEX render_due" in due_submits().explain()


def job(render: Render, **columns: object) -> ProviderJob:
    now = timezone.now()
    known = {"attempt": 1, "offer": "local:draft", "outcome": Outcome.ACCEPTED, "next_check_at": now}
    return ProviderJob.objects.create(render=render, **(known | columns))


def test_how_far_jobs_are_is_stored_and_what_is_left_out_stays() -> None:
    studio = make_studio(balance_micros=50_000_000, voice_seconds=2.1)
    first = job(ask(studio), status="queued", queue_position=3)
    second = job(ask(studio), status="running", progress=10)
    ended = job(ask(studio), status="done", progress=100)
    let_go = job(ask(studio), status="running", progress=10, next_check_at=None)
    running = JobReport(JobStatus.RUNNING, progress=40)
    store_progress({found.pk: running for found in (first, ended, let_go)} | {second.pk: JobReport(JobStatus.QUEUED)})
    for found, said in (
        (first, ("running", 40, 3)),
        (second, ("queued", 10, None)),
        (ended, ("done", 100, None)),
        (let_go, ("running", 10, None)),
    ):
        found.refresh_from_db()
        assert (found.status, found.progress, found.queue_position) == said


@pytest.mark.django_db(transaction=True)  # a look drops a connection that is within a transaction
def test_a_look_over_everything_sees_what_ended_elsewhere_and_what_was_missed() -> None:
    studio = make_studio(balance_micros=50_000_000, voice_seconds=2.1)
    long_ago = timezone.now() - timedelta(hours=1)
    renders = [ask(studio) for _ in range(3)]
    known, missed, ended = (job(one, next_check_at=long_ago) for one in renders)
    Render.objects.filter(pk__in=[one.pk for one in renders]).update(state=RenderState.RENDERING, next_try_at=None)

    first = load_due((), since=None, everything=True, room=0, resting=(), busy=False)
    assert (set(first.jobs), first.still) == ({known.pk, missed.pk, ended.pk},) * 2
    assert {one.pk for one in first.loaded} == set(first.jobs)

    ProviderJob.objects.filter(pk=ended.pk).update(next_check_at=None)
    mine = {known.pk, ended.pk}
    usual = load_due(mine, since=timezone.now(), everything=False, room=0, resting=(), busy=True)
    assert (usual.jobs, usual.still, usual.loaded) == ({}, None, [])
    over = load_due(mine, since=timezone.now(), everything=True, room=0, resting=(), busy=True)
    assert (over.jobs, over.still, [one.pk for one in over.loaded]) == ({}, {known.pk, missed.pk}, [missed.pk])
