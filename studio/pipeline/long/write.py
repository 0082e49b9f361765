"""The rows of a long video: its whole and its parts with all their holds, in the transaction of whoever takes it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.utils import timezone

from avatarsite.monitoring import logs
from avatarsite.queue import jobs
from avatarsite.workspaces.models import User
from billing.errors import BudgetReached, InsufficientCredit, SpendingLocked
from studio.captions.change import wish_for
from studio.errors import RequestRefused
from studio.metrics import count_request
from studio.models import Part, Render, RenderGroup, RenderState, Whole
from studio.pipeline.events import record_event
from studio.pipeline.long.plan import PART_OPTIONS, Plan, PlannedPart, there_still
from studio.pipeline.request.quote import Quote
from studio.pipeline.request.render_request import RenderRequest
from studio.pipeline.request.write import render_of, save_with_hold, write_render
from studio.pipeline.states import WHOLE_DEADLINES


def write_video(  # noqa: PLR0913, PLR0917 -- as write_render
    request: RenderRequest,
    options: dict[str, Any],
    quote: Quote,
    user: User | None,
    idempotency_key: str | None,
    group: RenderGroup | None = None,
) -> Render:
    """One take: a whole with its parts, or a render; what has to be spoken first is one, whatever comes of it."""
    waits = request.spoken is not None and not request.spoken.ready
    if isinstance(quote, Plan) and not waits:
        return write_whole(request, options, quote, user, idempotency_key, group)
    return write_render(request, options, quote, user, idempotency_key, group)


def write_whole(  # noqa: PLR0913, PLR0917 -- as write_render
    request: RenderRequest,
    options: dict[str, Any],
    plan: Plan,
    user: User | None,
    idempotency_key: str | None,
    group: RenderGroup | None = None,
) -> Render:
    """The whole and its parts, with the holds of those that are to be made.

    Raises InsufficientCredit or BudgetReached for the sum, and RequestRefused when a part that was made before is gone.
    """
    whole = render_of(request, options, plan, user)
    whole.idempotency_key, whole.group, whole.parts_total = idempotency_key, group, len(plan.parts)
    whole.speech = request.spoken.speech if request.spoken else None
    whole.deadline_at, whole.next_try_at = whole.state_since + WHOLE_DEADLINES[RenderState.QUEUED], None
    save_with_hold(whole, 0, request.tags)
    if request.captions:
        wish_for(whole, request.captions)
    write_parts(whole, request, options, plan, user)
    record_event(whole)
    logs.is_about(render=whole.pk)
    return whole


def write_parts(whole: Render, request: RenderRequest, options: dict[str, Any], plan: Plan, user: User | None) -> None:
    """A hold for each part that is to be made, the files of those that were made before kept, and the work on it.

    Raises as ``write_whole``.
    """
    kept = _kept(plan)
    held = 0
    for part in plan.parts:
        try:
            render = kept[part.kept] if part.kept else _write_part(whole, request, options, part, user)
        except (InsufficientCredit, BudgetReached) as refusal:
            raise _of_the_sum(refusal, plan.ceiling_micros, held) from refusal
        held += part.ceiling_micros
        Part.objects.create(
            whole=whole,
            number=part.number,
            render=render,
            begin=part.begin,
            end=part.end,
            sound=part.sound,
            key=part.key,
            kept=bool(part.kept),
        )
    Whole.objects.create(render=whole, rate=plan.rate, samples=plan.parts[-1].end, next_try_at=timezone.now())
    jobs.enqueue("studio.whole", render_id=whole.pk)


def _write_part(
    whole: Render, request: RenderRequest, options: dict[str, Any], part: PlannedPart, user: User | None
) -> Render:
    """Due once its sound has been cut, which is no work for a transaction."""
    named = replace(request, notify=False, reference="", metadata={}, webhook_url="", tags=())
    render = render_of(named, options | PART_OPTIONS, part.quote, user)
    render.whole, render.next_try_at = whole, None
    save_with_hold(render, part.ceiling_micros)
    count_request(render)
    return render


def _kept(plan: Plan) -> dict[str, Render]:
    """The parts that were made before, locked, with no end to their files as long as they are needed."""
    ids = [part.kept for part in plan.parts if part.kept]
    there = there_still(Render.objects.filter(pk__in=ids)).order_by("pk")
    found = {render.pk: render for render in there.select_for_update()}
    if len(found) < len(set(ids)):
        told = "A part that was made before has been deleted since this was priced."
        raise RequestRefused("voice", "price_changed", told, "Ask for the price again.")
    Render.objects.filter(pk__in=found, delete_at__isnull=False).update(delete_at=None)
    return found


def _of_the_sum(
    refusal: InsufficientCredit | BudgetReached, total: int, held: int
) -> InsufficientCredit | BudgetReached:
    """The refusal of one part's hold, as that of all of them."""
    if isinstance(refusal, InsufficientCredit):
        return InsufficientCredit(needed_micros=total, available_micros=refusal.available_micros + held)
    if isinstance(refusal, SpendingLocked):
        return refusal
    return BudgetReached(
        scope=refusal.scope,
        period=refusal.period,
        word=refusal.word,
        whose=refusal.whose,
        needed_micros=total,
        cap_micros=refusal.cap_micros,
        spent_micros=refusal.spent_micros,
        reserved_micros=max(refusal.reserved_micros - held, 0),
        starts_at=refusal.starts_at,
        renews_at=refusal.renews_at,
    )
