"""What is counted and read of renders and their providers for ``/metrics``."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import transaction
from django.db.models import Count, Min, Q
from django.utils import timezone
from prometheus_client.core import Metric

from avatarsite.monitoring.metrics import SLOW, counter, gauge, histogram
from studio.models import OfferHealth, Render, RenderState
from studio.models.renders import ALIVE, ENDED
from studio.providers.types import Failure, JobStatus, ProviderError, Submission

WHOLE = "whole"

REQUESTED = counter("renders_requested", "Renders asked for, by the offer that was chosen.", "offer")
ENDED_RENDERS = counter("renders_ended", "Renders that have ended.", "state", "offer")
STAGE_SECONDS = histogram(
    "render_stage_duration_seconds",
    "Time in a state; the whole is from the request to the end.",
    "stage",
    buckets=SLOW,
)
SUBMITS = counter("provider_submits", "What became of jobs that were sent to an offer.", "offer", "outcome", "fault")
JOBS = counter("provider_jobs_ended", "Jobs that have ended at their provider.", "offer", "status")
CALL_SECONDS = histogram("provider_call_duration_seconds", "Calls to a provider.", "provider", "call")
CALL_FAILURES = counter("provider_call_failures", "Calls that gave no answer.", "provider", "call", "fault")


def count_request(render: Render) -> None:
    """Once it is committed, as all that is counted here of a row."""
    transaction.on_commit(REQUESTED.labels(render.offer).inc, robust=True)


def count_move(render: Render, *, was: str, since: datetime, now: datetime) -> None:
    """A render has gone on from one state, which it had ``since``, to the one that it has now."""
    state, offer = render.state, render.offer
    in_state, in_all = (now - since).total_seconds(), (now - render.created_at).total_seconds()

    def count() -> None:
        STAGE_SECONDS.labels(was).observe(in_state)
        if state in ENDED:
            ENDED_RENDERS.labels(state, offer).inc()
            STAGE_SECONDS.labels(WHOLE).observe(in_all)

    transaction.on_commit(count, robust=True)


def count_submission(offer: str, submission: Submission) -> None:
    fault = submission.failure.fault.value if submission.failure else ""
    SUBMITS.labels(offer, submission.outcome.value, fault).inc()


def count_job(offer: str, status: JobStatus) -> None:
    transaction.on_commit(JOBS.labels(offer, status.value).inc, robust=True)


def count_no_answer(provider: str, call: str, failure: Failure) -> None:
    CALL_FAILURES.labels(provider, call, failure.fault.value).inc()


@contextmanager
def timed_call(provider: str, call: str) -> Iterator[None]:
    """How long the block talks to the provider, and whether it got an answer."""
    began = time.monotonic()
    try:
        yield
    except ProviderError as error:
        count_no_answer(provider, call, error.failure)
        raise
    finally:
        CALL_SECONDS.labels(provider, call).observe(time.monotonic() - began)


def read_renders() -> Iterator[Metric]:
    """Renders in flight: those with a deadline, which no render has that has ended."""
    now = timezone.now()
    alive = Render.objects.filter(
        Q(parts_total=None) | Q(state=RenderState.JOINING), deadline_at__isnull=False
    ).order_by()
    rows = alive.values_list("state").annotate(rows=Count("pk"), oldest=Min("state_since"))
    found = {state: (count, oldest) for state, count, oldest in rows}
    counts = [((state.value,), found.get(state, (0, now))[0]) for state in ALIVE]
    yield gauge("renders_in_flight", "Renders by state.", counts, "state")
    ages = [((state.value,), (now - found.get(state, (0, now))[1]).total_seconds()) for state in ALIVE]
    yield gauge("renders_oldest_seconds", "Time that the oldest render of a state has been in it.", ages, "state")
    overdue = alive.aggregate(rows=Count("pk", filter=Q(deadline_at__lt=now)))["rows"]
    yield gauge("renders_overdue", "Renders whose state has outlived its deadline.", [((), overdue)])


def read_offers() -> Iterator[Metric]:
    rows = OfferHealth.objects.values_list("pk", "open_until")
    paused = [((offer,), float(until is not None)) for offer, until in rows]
    yield gauge("offer_paused", "Whether an offer's circuit is open.", paused, "offer")
