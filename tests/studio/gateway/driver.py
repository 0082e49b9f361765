"""A worker without a thread of its own: each request that a client sends first does what is due.

Nothing runs beside the server, so that a test goes the same way each time; a client that polls drives its own video.
Queued tasks run as the cluster runs them, but for the long watch, whose steps are taken one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from studio.models import ProviderJob, Render, RenderState
from studio.models.renders import ALIVE
from studio.pipeline.submit import submit_render
from studio.pipeline.watch.loop import check_now
from studio.providers.types import ProviderError

WATCH = "studio.tasks.watch"


class Driver:
    """``stopped`` lets nothing happen, as if no worker ran."""

    stopped = False

    def turn(self) -> None:
        if self.stopped:
            return
        self._tasks()
        for render in Render.objects.filter(state__in=ALIVE).order_by("pk"):
            self._step(render)
        self._tasks()

    def _tasks(self) -> None:
        while rows := list(OrmQ.objects.order_by("pk")[:50]):
            for row in rows:
                row.delete()
                task: dict[str, Any] = SignedPackage.loads(row.payload)
                if task["func"] != WATCH:
                    _resolve(task["func"])(**task["kwargs"])

    def _step(self, render: Render) -> None:
        if render.state in (RenderState.QUEUED, RenderState.SUBMITTING):
            submit_render(render.pk)
            return
        job = render.jobs.order_by("attempt").last()
        if render.state == RenderState.RENDERING and job is not None and job.next_check_at is not None:
            _check(job)


driver = Driver()


def driven(get_response: Callable[[Any, HttpRequest], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """A handler's ``get_response`` that first lets the worker work, unless a mere file is asked for."""

    def drive_first(handler: Any, request: HttpRequest) -> HttpResponseBase:
        if "/files/" not in request.path and "/videos/" not in request.path:
            driver.turn()
        return get_response(handler, request)

    return drive_first


def _check(job: ProviderJob) -> None:
    try:
        check_now(job)
    except ProviderError:
        return  # told us nothing; the job goes on


def _resolve(path: str) -> Callable[..., None]:
    module, _, name = path.rpartition(".")
    found: Callable[..., None] = getattr(__import__(module, fromlist=[name]), name)
    return found
