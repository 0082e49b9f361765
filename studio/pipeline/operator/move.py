"""Sending a render to another offer, by an operator: from the queue, or away from a provider that hangs.

The ceiling that its customer has agreed to binds as before. A provider that has it is asked to stop; what it makes all
the same is a loss of ours, never the customer's.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from billing.money import usd_at_most
from studio.models import Outcome, Render, RenderState
from studio.pipeline import states
from studio.pipeline.cancel import leave
from studio.pipeline.request.quote import Quote, QuoteLine, quote_render
from studio.pipeline.watch.wake import notify_watcher
from studio.providers import registry

MIN_TIME = timedelta(hours=1)
UNKNOWN = "Whether its provider has taken it is not known yet; it is sent nowhere else before that is."


class CannotMove(ValueError):
    """It can't be sent there; the text is a sentence for the operator."""


def other_offers(render: Render) -> list[QuoteLine]:
    """Offers of its model that may make it now, within its ceiling and with its options, the cheapest first."""
    if render.test or why_not_move(render):
        return []
    fitting = [line for line in _quote(render).chain if line.offer != render.offer]
    return [line for line in fitting if line.ceiling_micros <= render.ceiling_micros]


def why_no_other(render: Render) -> str:
    """Where no other offer may make it: what each of them costs, or why it can't, as sentences."""
    ceiling = usd_at_most(render.ceiling_micros)
    others = [] if render.test else [line for line in _quote(render).lines if line.offer != render.offer]
    if not others:
        return "No other offer sells its model."
    told = (f"{line.offer}: {line.why_not or f'at most {usd_at_most(line.ceiling_micros)}.'}" for line in others)
    return f"No other offer can make it within its ceiling of {ceiling} now. {' '.join(told)}"


def _quote(render: Render) -> Quote:
    return quote_render(model=render.model, voice_ms=render.sound.duration_ms or 0)


def why_not_move(render: Render) -> str:
    """Why it can't be sent elsewhere in the state that it is in, or ""."""
    if render.ended:
        return "It has ended."
    if render.is_whole:
        return "It is made in parts; those are sent, each by itself."
    if render.whole_id and render.state == RenderState.QUEUED and render.next_try_at is None:
        return "Its sound has not been cut yet."
    if render.cancel_requested_at:
        return "Its customer has asked to stop it."
    if render.state == RenderState.SPEAKING:
        return "Its script is being spoken."
    if render.state == RenderState.SUBMITTING:
        return UNKNOWN
    if render.state == RenderState.INGESTING:
        return "Its provider has finished it; the copy is on its way."
    return ""


def send_elsewhere(render: Render, offer: str, *, reason: str) -> bool:
    """Put it in the queue for ``offer`` alone. False if somebody has moved it on since it was read.

    Raises CannotMove with a sentence, for a state or an offer that does not allow it.
    """
    if why_not := why_not_move(render):
        raise CannotMove(why_not)
    line = next((line for line in other_offers(render) if line.offer == offer), None)
    if line is None or line.price is None:
        raise CannotMove(f"{offer} can't make this video within its ceiling now. Choose another offer.")
    was, now = registry.provider_label(render.offer), timezone.now()
    fields: dict[str, object] = {
        "offer": line.offer,
        "price": line.price,
        "fallbacks": [],
        "why": f"{was} took too long." if render.state == RenderState.RENDERING else f"Moved away from {was}.",
    }
    detail = {"from": render.offer, "to": line.offer, "why": reason.strip()}
    with transaction.atomic():
        if render.state == RenderState.QUEUED:
            here = Render.objects.filter(pk=render.pk, state=RenderState.QUEUED, offer=render.offer)
            moved = bool(here.update(**fields, next_try_at=now))
            if moved:
                states.note(render, "sent to another offer by an operator", detail=detail)
        else:
            moved = _leave_provider(render, fields, detail)
        if moved:
            notify_watcher()
    return moved


def _leave_provider(render: Render, fields: dict[str, object], detail: dict[str, str]) -> bool:
    # The job first, as where a report of it is written down, so that the two never wait for each other.
    for job in render.jobs.filter(outcome=Outcome.ACCEPTED, next_check_at__isnull=False).order_by("pk"):
        leave(job)
    moved = states.advance(
        render,
        RenderState.QUEUED,
        reason="sent to another offer by an operator",
        detail=detail,
        deadline_at=max(render.created_at + states.DEADLINES[RenderState.QUEUED], timezone.now() + MIN_TIME),
        **fields,
    )
    if not moved:
        transaction.set_rollback(True)
    return moved
