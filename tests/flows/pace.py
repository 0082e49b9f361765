"""Our clock and the providers' moved on by hand: leases, back-offs and pauses pass at once, and nobody sleeps.

A provider's time is meant to stand still but for ``jump``; then its letters arrive only while we wait for them.
"""

from __future__ import annotations

import time
from datetime import timedelta

from django.utils import timezone

from avatarsite.inbox.models import InboundEvent
from avatarsite.inbox.receive import handle_event
from avatarsite.queue import due_rows
from avatarsite.queue.sweeping import sweep
from studio.models import OfferHealth, ProviderJob, Render, RenderState
from studio.models.renders import ALIVE
from studio.pipeline.ingest.receive import ingest_render
from studio.pipeline.overdue import STOPS
from studio.pipeline.submit import submit_render
from studio.pipeline.watch.loop import check_now
from studio.providers.types import ProviderError
from tests.simulators.fixture import Control, eventually

PROVIDER_SECONDS = 120.0  # that pass at the provider with each step of ours
STEPS = 25  # enough for a video that is asked for three times and copied five times each


def drive_for(render: Render, control: Control, seconds: float = 120.0, *, steps: int = STEPS) -> Render:
    """Step the pipeline until the render has ended, or ``steps`` times. Fails after ``seconds``."""
    deadline = time.monotonic() + seconds
    for _ in range(steps):
        assert time.monotonic() < deadline, f"{render.pk} took more than {seconds:g} s"
        render = Render.objects.get(pk=render.pk)
        if render.ended:
            break
        step(render)
        let_time_pass(control)
    return Render.objects.select_related("hold").get(pk=render.pk)


def step(render: Render) -> bool:
    """What a worker would do with the render now."""
    if render.state in (RenderState.QUEUED, RenderState.SUBMITTING):
        return submit_render(render.pk)
    if render.state == RenderState.INGESTING:
        return ingest_render(render.pk)
    job = render.jobs.order_by("attempt").last()
    if render.state != RenderState.RENDERING or job is None:
        return False
    try:
        return check_now(job)
    except ProviderError:
        return False  # told us nothing; the job goes on


def let_time_pass(control: Control) -> None:
    """The provider works on, its letters come in and are read, and nothing of ours has to wait any longer."""
    control.jump(PROVIDER_SECONDS)
    eventually(lambda: all(letter["state"] != "waiting" for letter in control.webhooks()), "the delivery of letters")
    now = timezone.now()
    InboundEvent.objects.filter(next_try_at__isnull=False).update(next_try_at=now - timedelta(seconds=1))
    for letter in due_rows.kinds["inbound_event"].due():
        handle_event(letter.pk)
    Render.objects.filter(next_try_at__isnull=False).update(next_try_at=now)
    OfferHealth.objects.filter(open_until__isnull=False).update(open_until=now)


def let_jobs_age(hours: float) -> None:
    """As if the providers had taken our jobs that long ago."""
    for job in ProviderJob.objects.exclude(handle={}):
        job.handle["accepted_at"] -= hours * 3600
        job.save(update_fields=["handle"])


def let_deadlines_pass() -> None:
    """As if every state had lasted for as long as it may, and no provider had heard that it should stop."""
    for _ in range(STOPS + 1):
        let_a_deadline_pass()


def let_a_deadline_pass() -> None:
    Render.objects.filter(state__in=ALIVE).update(deadline_at=timezone.now() - timedelta(seconds=1))
    sweep()
