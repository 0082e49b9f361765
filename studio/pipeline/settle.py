"""The charge and ``ready``, in one transaction: neither can exist without the other."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from avatarsite import jobs
from billing import metering
from billing.money import charge_micros
from studio.models import JobStatus, Render, RenderState
from studio.pipeline.states import advance


def settle_render(render: Render, *, measured_ms: int, **made: Any) -> bool:
    """Charge for what was made and mark the render ready; ``made`` are the columns of the copy. False if it was done.

    The charge is by the measured length of our own copy, at the price of the quote, and never above the hold.
    """
    job = render.jobs.filter(status=JobStatus.DONE).order_by("attempt").last()
    charge = min(charge_micros(measured_ms, render.price.price_micros_per_second), render.ceiling_micros)
    with transaction.atomic():
        won = advance(
            render,
            RenderState.READY,
            reason="ready and charged",
            detail={"charge_micros": charge},
            charge_micros=charge,
            measured_ms=measured_ms,
            **made,
        )
        if not won:
            return False
        metering.record_usage(
            workspace=render.workspace,
            subject=f"render:{render.pk}",
            offer=job.offer if job else render.offer,
            price=render.price,
            measured_ms=measured_ms,
            hold=render.hold,
            reported_ms=job.reported_ms if job else None,
            reported_cost_micros=job.reported_cost_micros if job else None,
        )
        jobs.enqueue("studio.notify", render_id=render.pk)
    return True
