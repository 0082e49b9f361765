"""Reports of a job, written down as its provider gave them. They are absolute facts, so a repeat changes nothing."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from avatarsite.alerts import raise_alert
from avatarsite.queue import jobs
from studio.metrics import count_job
from studio.models import JobStatus, ProviderJob, Render, RenderState
from studio.models.jobs import ENDED_STATUSES
from studio.pipeline import health
from studio.pipeline.cancel import end_stopped
from studio.pipeline.failures import fail_by_provider
from studio.pipeline.states import DEADLINES, advance
from studio.pipeline.watch.wake import notify_watcher
from studio.providers import registry
from studio.providers.types import Failure, Fault, JobReport
from studio.providers.types import JobStatus as Said

logger = logging.getLogger(__name__)

MAX_LOSSES = 5  # of one render, each with the host that was making it

# By hand: through the ORM it costs three times as much, because each number of ids makes another statement. What a
# report leaves out stays as it was, and an ended job says nothing new.
_UPDATE_PROGRESS = f"""
    UPDATE {ProviderJob._meta.db_table}
    SET status = %s, progress = COALESCE(%s, progress), queue_position = COALESCE(%s, queue_position)
    WHERE id = %s AND next_check_at IS NOT NULL
        AND status NOT IN ({", ".join(f"'{status.value}'" for status in ENDED_STATUSES)})
"""  # noqa: S608, SLF001 -- nothing in it comes from outside  # nosec


def apply_report(job_id: str, report: JobReport) -> bool:
    """Store ``report`` and move the render on if it ends the job. True if something changed."""
    job = ProviderJob.objects.get(pk=job_id)
    if report.status is Said.UNKNOWN:
        raise_alert(
            "unknown_status", job.offer, f"{job.offer} says of {job.pk} what we do not know: {report.raw}"[:1000]
        )
    fields = _changed_fields(job, report)
    if not fields:
        return False
    with transaction.atomic(savepoint=False):
        # An ended job says nothing new; only a render that goes back to rendering reopens it.
        written = (
            ProviderJob.objects.filter(pk=job.pk, next_check_at__isnull=False)
            .exclude(status__in=ENDED_STATUSES)
            .update(**fields)
        )
        if not written:
            return False
        if report.status.value in ENDED_STATUSES:
            count_job(job.offer, report.status)
            # As it stands now: the answer to the submit may have been stored since the job was read.
            _move(Render.objects.select_related("hold", "captions").get(pk=job.render_id), job, report)
    return True


def store_progress(reports: Mapping[str, JobReport]) -> None:
    """Store how far jobs are that have not ended, by their ids."""
    rows = [
        # In one order everywhere, so that two watches that meet here never wait for each other.
        (report.status.value, report.progress, report.queue_position, job_id)
        for job_id, report in sorted(reports.items())
    ]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(_UPDATE_PROGRESS, rows)


def note_refusal(offer: str, failure: Failure, asked_at: datetime) -> None:
    """A question was turned away. An empty account or a bad key there is ours to mend, whatever it hit upon."""
    if failure.fault.is_ours:
        health.note_failure(offer, failure, asked_at=asked_at)


def _changed_fields(job: ProviderJob, report: JobReport) -> dict[str, Any]:
    """The columns that differ from what is stored; an unfinished report without news writes nothing."""
    said: dict[str, Any] = {"status": report.status.value}
    if report.progress is not None:
        said["progress"] = report.progress
    if report.queue_position is not None:
        said["queue_position"] = report.queue_position
    if report.provider_job_id:
        said["provider_job_id"] = report.provider_job_id
    fields = {name: value for name, value in said.items() if getattr(job, name) != value}
    if report.status.value not in ENDED_STATUSES:
        return fields | ({"raw": report.raw} if fields and report.raw is not None else {})
    return said | {
        "raw": report.raw if report.raw is not None else {},
        "result_url": report.result_url,
        "reported_ms": report.reported_ms,
        "reported_cost_micros": report.reported_cost_micros,
        "failure_code": report.failure.code if report.failure else "",
        "failure_message": report.failure.message if report.failure else "",
        "finished_at": timezone.now(),
        "next_check_at": None,
    }


def _move(render: Render, job: ProviderJob, report: JobReport) -> None:
    if render.state != RenderState.RENDERING:
        return
    _keep_findings(render, report)
    if report.status is Said.DONE:
        health.note_success(job.offer, asked_at=job.asked_at)
        if advance(render, RenderState.INGESTING, reason="the provider is done", detail={"offer": job.offer}):
            jobs.enqueue("studio.ingest", render_id=render.pk)
    elif report.status is Said.CANCELLED:
        end_stopped(render)
    elif report.status is Said.FAILED:
        failure = report.failure or Failure(Fault.UNKNOWN, "failed", "")
        if _is_lost_by_us(job, failure) and job.attempt < MAX_LOSSES:
            _make_again(render, job, failure)
            return
        health.note_failure(job.offer, failure, asked_at=job.asked_at)
        fail_by_provider(render, failure)


def _is_lost_by_us(job: ProviderJob, failure: Failure) -> bool:
    """A provider that has forgotten a job may have been paid for it, so there it is never sent anew by itself."""
    return failure.fault is Fault.NOT_FOUND and registry.provider_of(job.offer).capabilities.is_ours


def _make_again(render: Render, job: ProviderJob, failure: Failure) -> None:
    """What was making it is gone with all that it had: a host of ours, whose work another one does anew."""
    if render.cancel_requested_at:
        end_stopped(render)
        return
    moved = advance(
        render,
        RenderState.QUEUED,
        reason="what made it is gone, and it is made again",
        detail={"offer": job.offer, "code": failure.code, "message": failure.message},
        next_try_at=timezone.now(),
        deadline_at=render.created_at + DEADLINES[RenderState.QUEUED],
    )
    if moved:
        notify_watcher()


def _keep_findings(render: Render, report: JobReport) -> None:
    """What the provider has told of the video besides where it is."""
    told = {"seed": report.seed, "nsfw_content": report.nsfw_content}
    if report.status.value not in ENDED_STATUSES or all(getattr(render, name) == told[name] for name in told):
        return
    Render.objects.filter(pk=render.pk).update(**told)
    render.seed, render.nsfw_content = report.seed, report.nsfw_content


def reopen(render: Render, *, reason: str) -> bool:
    """Ask the provider again where the video is, after its copy could not be had."""
    with transaction.atomic():
        moved = advance(render, RenderState.RENDERING, reason=reason, next_try_at=None)
        if moved:
            now = timezone.now()
            last = render.jobs.filter(status=JobStatus.DONE).order_by("attempt").last()
            ProviderJob.objects.filter(pk=last.pk if last else "").update(
                status=JobStatus.UNKNOWN, finished_at=None, next_check_at=now
            )
            notify_watcher()
    return moved
