"""Settlement of a long video: its parts were charged when they were made, so it is ready with their sum."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from billing.holds import holds
from studio.captions.change import begin
from studio.library import end_with_their_wholes
from studio.models import RenderState, Whole
from studio.papers.give import Papered
from studio.pipeline.content.check import of_parts
from studio.pipeline.content.withhold import deliver_to_endpoint, withheld_as_asked
from studio.pipeline.notify import file_notice
from studio.pipeline.states import advance
from studio.storage import ledger


def settle_whole(work: Whole, *, seams: list[dict[str, Any]], papers: Papered | None = None, **made: Any) -> bool:
    """Mark it ready with the files that were ``made`` of it, all in one transaction. False if it was done."""
    whole = work.render
    life, now = whole.options.get("ttl_seconds"), timezone.now()
    flagged = of_parts(whole.parts.values_list("render__nsfw_content", flat=True))
    with transaction.atomic():
        won = advance(
            whole,
            RenderState.READY,
            reason="joined and ready",
            delete_at=now + timedelta(seconds=life) if life else None,
            nsfw_content=flagged,
            **made,
            **withheld_as_asked(whole, flagged),
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
        deliver_to_endpoint(whole, now)
        end_with_their_wholes(whole.parts.values_list("render_id", flat=True))
    return True
