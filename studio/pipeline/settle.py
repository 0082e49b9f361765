"""Settlement: the charge and ``ready`` in one transaction, so that neither can exist without the other."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from avatarsite.alerts import raise_alert
from billing.models import Usage
from billing.prices import cost_drift
from billing.usage import metering
from studio.captions.change import begin
from studio.models import JobStatus, ProviderJob, Render, RenderState
from studio.papers.give import Papered
from studio.pipeline.content.withhold import deliver_to_endpoint, withheld_as_asked
from studio.pipeline.long.tally import parts_of
from studio.pipeline.notify import file_notice
from studio.pipeline.states import advance
from studio.storage import ledger

DRIFT_SHARE = 0.1
DRIFT_MS = 1_000


def settle_render(
    render: Render, *, measured_ms: int, job: ProviderJob | None = None, papers: Papered | None = None, **made: Any
) -> bool:
    """Charge for what ``job`` made and mark the render ready; ``made`` are the copy's columns. False if it was done.

    The charge is by the measured length of what the provider made, at the price of the quote, and never above the hold.
    """
    job = job or render.jobs.filter(status=JobStatus.DONE).order_by("attempt").last()
    charge = metering.charge_of(measured_ms, render.price, render.ceiling_micros)
    life, now = render.options.get("ttl_seconds"), timezone.now()
    withheld = withheld_as_asked(render, made.get("nsfw_content", render.nsfw_content))
    with transaction.atomic():
        won = advance(
            render,
            RenderState.READY,
            reason="ready and charged",
            detail={"charge_micros": charge},
            charge_micros=charge,
            measured_ms=measured_ms,
            delete_at=now + timedelta(seconds=life) if life else None,
            **made,
            **withheld,
        )
        if not won:
            return False
        ledger.keep(*(made[file] for file in ("video", "poster") if file in made))
        if papers:
            papers.keep(made["video"])
        usage = metering.record_usage(
            workspace=render.workspace,
            subject=f"render:{render.pk}",
            offer=job.offer if job else render.offer,
            price=render.price,
            measured_ms=measured_ms,
            hold=render.hold,
            reported_ms=job.reported_ms if job else None,
            reported_cost_micros=job.reported_cost_micros if job else None,
            videos=_videos(render),
        )
        begin(render)
        file_notice(render)
        deliver_to_endpoint(render, now)
    if job:
        _compare(render, job, usage)
    return True


def _videos(render: Render) -> int:
    """As how many it counts: of the parts that are made for a long video the first one does."""
    return int(render.whole is None or parts_of(render.whole).first() == render)


def _compare(render: Render, job: ProviderJob, usage: Usage) -> None:
    """A provider that reports another length or cost than we see is something for the operator, never the customer."""
    length, measured_ms = job.reported_ms, usage.measured_ms
    if length is not None and abs(length - measured_ms) > max(DRIFT_MS, measured_ms * DRIFT_SHARE):
        message = f"{job.offer} reports {length / 1000:,.3f} s for a file of {measured_ms / 1000:,.3f} s."
        raise_alert("length_drift", job.pk, message, render=render.pk, reported_ms=length, measured_ms=measured_ms)
    cost_drift.alert_job(usage, key=job.pk, render=render.pk)
