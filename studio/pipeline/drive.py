"""Driver of one render through the pipeline in the foreground, beside or without a worker.

Each step claims what it does, so a worker that is at it too is no danger: one of the two does nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from django.utils import timezone

from studio.models import ProviderJob, Render, RenderState
from studio.models.renders import ALIVE
from studio.pipeline.cancel import stop_overdue
from studio.pipeline.ingest.receive import ingest_render
from studio.pipeline.long.sound import listen_to
from studio.pipeline.long.tally import parts_of
from studio.pipeline.long.work import move_whole
from studio.pipeline.overdue import end_overdue
from studio.pipeline.spoken import speak_and_move_on
from studio.pipeline.submit import submit_render
from studio.pipeline.watch.loop import check_now
from studio.providers import registry
from studio.providers.types import ProviderError

LOOK_EVERY = 0.2

Progress = Callable[[Render, ProviderJob | None], None]


def drive(render_id: str, *, on_look: Progress = lambda _render, _job: None) -> Render:
    """Walk the render until it has ended, calling ``on_look`` a few times a second. Ends by the states' deadlines.

    Of a long video so are its parts, one step of each at a time.
    """
    checked: dict[str, float] = {}
    while True:
        render = Render.objects.select_related("hold").get(pk=render_id)
        job = render.jobs.order_by("attempt").last()
        on_look(render, job)
        if render.ended or _end_overdue(render):
            return Render.objects.get(pk=render_id)
        rows = parts_of(render).filter(state__in=ALIVE).select_related("hold") if render.is_whole else [render]
        moved = [_moved(row, checked) for row in rows]
        if not any(moved) and not (render.is_whole and move_whole(render_id)):
            time.sleep(LOOK_EVERY)


def _moved(render: Render, checked: dict[str, float]) -> bool:
    """One step of it; ``checked`` is when the provider of each job may be asked again."""
    job = render.jobs.order_by("attempt").last() if render.state == RenderState.RENDERING else None
    if job is None or time.monotonic() < checked.get(job.pk, 0.0):
        return _step(render)
    moved = _check(job)
    checked[job.pk] = time.monotonic() + registry.provider_of(job.offer).capabilities.poll_seconds[0]
    return moved


def _end_overdue(render: Render) -> bool:
    """The sweep's rule; that the provider is asked to stop, a task elsewhere, is done here: no worker may be there."""
    was_overdue = render.deadline_at is not None and render.deadline_at <= timezone.now()
    if end_overdue(render):
        return True
    if was_overdue:
        stop_overdue(render.pk)
    return False


def _step(render: Render) -> bool:
    if render.state == RenderState.SPEAKING:
        return speak_and_move_on(str(render.speech_id)) or _listen(render)
    if render.next_try_at is None or render.next_try_at > timezone.now():
        return False
    if render.state in (RenderState.QUEUED, RenderState.SUBMITTING):
        return submit_render(render.pk)
    return render.state == RenderState.INGESTING and ingest_render(render.pk)


def _listen(render: Render) -> bool:
    """To the voice that its script came to, if that is due: where no worker does, nobody else would."""
    voice = render.speech.upload_id if render.speech else None
    return voice is not None and listen_to(voice)


def _check(job: ProviderJob) -> bool:
    try:
        return job.next_check_at is not None and check_now(job)
    except ProviderError:
        return False  # told us nothing; the job goes on
