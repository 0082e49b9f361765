"""Status of a client's request: read from its row and its renders, for each protocol to put into its own words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from django.db import connection

from avatarsite.workspaces.models import Workspace
from studio.gateway import errors
from studio.gateway.errors import GatewayError
from studio.gateway.models import GatewayRequest, Protocol, RequestState
from studio.models import JobStatus, ProviderJob, Render, RenderState
from studio.representation import withheld_of

NOT_BEGUN = (JobStatus.QUEUED, JobStatus.UNKNOWN)
# Clients ask once a second, and the ORM takes twenty times as long to word this as a database to count.
_BEFORE = "SELECT COUNT(*) FROM studio_render WHERE workspace_id = %s AND state = %s AND id < %s"


class Phase(StrEnum):
    WAITING = "waiting"  # no provider works on it yet
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"

    @property
    def is_over(self) -> bool:
        return self in (Phase.READY, Phase.FAILED)


@dataclass(frozen=True, slots=True)
class Take:
    """One video of a request. ``percent`` only where the provider says so."""

    phase: Phase
    render: Render | None = None
    job: ProviderJob | None = None
    error: GatewayError | None = None

    @property
    def percent(self) -> int | None:
        return self.job.progress if self.job and self.phase == Phase.RUNNING else None


@dataclass(frozen=True, slots=True)
class RequestStatus:
    row: GatewayRequest
    takes: list[Take]

    @property
    def phase(self) -> Phase:
        """Of all takes together: it is over when the last is, and has failed when none is ready."""
        phases = [take.phase for take in self.takes]
        if all(phase.is_over for phase in phases):
            return Phase.READY if Phase.READY in phases else Phase.FAILED
        return Phase.WAITING if all(phase == Phase.WAITING for phase in phases) else Phase.RUNNING

    @property
    def first(self) -> Take:
        return self.takes[0]


def find_request(workspace: Workspace, protocol: Protocol, reference: str) -> GatewayRequest | None:
    """The workspace's own request of this id; another's is as unknown as none."""
    if "\x00" in reference:
        return None  # PostgreSQL would not even look
    mine = GatewayRequest.objects.filter(workspace_id=workspace.pk, protocol=protocol, reference=reference)
    try:
        return mine.select_related("render").get()
    except GatewayRequest.DoesNotExist:
        return None


def status_of(row: GatewayRequest) -> RequestStatus | None:
    """None when its video has been deleted: then there is nothing left to tell."""
    if row.state in (RequestState.REFUSED, RequestState.CANCELLED):
        return RequestStatus(row, [Take(Phase.FAILED, error=_stored_error(row))])
    if row.state == RequestState.FETCHING:
        return RequestStatus(row, [Take(Phase.WAITING)])
    renders = renders_of(row)
    return RequestStatus(row, [take_of(row, render) for render in renders]) if renders else None


def renders_of(row: GatewayRequest) -> list[Render]:
    """All takes, in the order in which they were asked for."""
    if row.render is None:
        return []
    if row.render.group_id is None:
        return [] if row.render.purge_at else [row.render]
    return list(Render.objects.filter(group_id=row.render.group_id, purge_at=None).order_by("pk"))


def take_of(row: GatewayRequest, render: Render) -> Take:
    if withheld := withheld_of(render):
        return Take(Phase.FAILED, render, error=GatewayError(errors.WITHHELD, message=withheld["message"]))
    if render.state == RenderState.READY:
        return Take(Phase.READY, render)
    if render.ended:
        return Take(Phase.FAILED, render, error=_error_of(row, render))
    if render.state in (RenderState.QUEUED, RenderState.SUBMITTING):
        return Take(Phase.WAITING, render)
    job = render.jobs.order_by("attempt").last()
    # A job that nobody has reported on yet has been taken, and no more is known.
    if render.state == RenderState.RENDERING and job is not None and job.status in NOT_BEGUN:
        return Take(Phase.WAITING, render, job)
    return Take(Phase.RUNNING, render, job)


def _error_of(row: GatewayRequest, render: Render) -> GatewayError:
    if row.error:
        return _stored_error(row)
    if render.state == RenderState.CANCELLED:
        return GatewayError(errors.CANCELLED, message="The request was cancelled.")
    return GatewayError(render.failure_code or "unknown", message=render.failure_message)


def _stored_error(row: GatewayRequest) -> GatewayError:
    return GatewayError(**(row.error or {"code": "unknown"}))


def position_of(row: GatewayRequest, take: Take) -> int:
    """How many are before a waiting take: at its provider, or of the same workspace here.

    How busy other workspaces are is nobody's business.
    """
    if take.job is not None:
        return take.job.queue_position or 0
    if take.render is not None:
        with connection.cursor() as cursor:
            cursor.execute(_BEFORE, [row.workspace_id, RenderState.QUEUED.value, take.render.pk])
            return int(cursor.fetchone()[0])
    fetching = GatewayRequest.objects.filter(workspace_id=row.workspace_id, state=RequestState.FETCHING)
    return fetching.filter(pk__lt=row.pk).count()
