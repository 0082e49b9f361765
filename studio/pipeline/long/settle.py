"""Settlement of a long video: its parts were charged when they were made, so it is ready with their sum."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from avatarsite.queue import jobs
from billing.holds import holds
from studio.captions.change import begin
from studio.library import end_with_their_wholes
from studio.models import Delivery, RenderState, Whole
from studio.papers.give import Papered
from studio.pipeline.notify import file_notice
from studio.pipeline.states import advance
from studio.storage import ledger


def settle_whole(work: Whole, *, seams: list[dict[str, Any]], papers: Papered | None = None, **made: Any) -> bool:
    """Mark it ready with the files that were ``made`` of it, all in one transaction. False if it was done."""
    whole = work.render
    life, now = whole.options.get("ttl_seconds"), timezone.now()
    with transaction.atomic():
        won = advance(
            whole,
            RenderState.READY,
            reason="joined and ready",
            delete_at=now + timedelta(seconds=life) if life else None,
            **made,
        )
        if not won:
            return False
        ledger.keep(made["video"], made["poster"])
        if papers:
            papers.keep(made["video"])
        holds.settle_hold(whole.hold, 0)
        work.finish(seams=seams)
        begin(whole)
        file_notice(whole)
        if endpoint := whole.options.get("upload_endpoint"):
            Delivery.objects.create(render=whole, url=endpoint, next_try_at=now)
            jobs.enqueue("studio.deliver", render_id=whole.pk)
        end_with_their_wholes(whole.parts.values_list("render_id", flat=True))
    return True
