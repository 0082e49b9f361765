"""The rows of a render that was asked for: written with its hold, in the transaction of whoever takes the request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from avatarsite.monitoring import logs
from avatarsite.queue import jobs
from avatarsite.workspaces.models import User
from billing.holds import holds
from studio.captions.change import wish_for
from studio.metrics import count_request
from studio.models import Render, RenderEvent, RenderGroup, RenderState
from studio.models.renders import render_id
from studio.pipeline.events import record_event
from studio.pipeline.request.quote import Quote
from studio.pipeline.request.render_request import RenderRequest
from studio.pipeline.request.rights import keep_rights
from studio.pipeline.request.scopes import scopes_of
from studio.pipeline.request.spoken import Spoken
from studio.pipeline.states import DEADLINES, HOLD_LIFE
from studio.pipeline.watch.wake import notify_watcher
from studio.speech.speak import speak
from studio.videos.tags import set_tags


def write_render(  # noqa: PLR0913, PLR0917 -- what was asked for, and what was found out about it
    request: RenderRequest,
    options: dict[str, Any],
    quote: Quote,
    user: User | None,
    idempotency_key: str | None,
    group: RenderGroup | None = None,
    take: int | None = None,
) -> Render:
    """The hold, the render, its first event and its place in the queue, within the caller's transaction."""
    render = render_of(request, options, quote, user)
    render.idempotency_key, render.group, render.take = idempotency_key, group, take
    if request.spoken:
        _have_spoken(render, request.spoken)
    save_with_hold(render, quote.ceiling_micros, request.tags)
    if request.captions:
        wish_for(render, request.captions)
    record_event(render)
    if render.state == RenderState.QUEUED:
        notify_watcher()
    count_request(render)
    logs.is_about(render=render.pk)
    return render


def _have_spoken(render: Render, spoken: Spoken) -> None:
    """Have its script spoken, or find the voice that was; until that is there the render waits for it."""
    budgets = scopes_of(render.project, render.requested_by, render.token)
    speech = speak(spoken.wish, plan=spoken.plan, budgets=budgets)
    render.speech, render.voice = speech, speech.upload if spoken.ready else None
    if render.voice is None:
        render.state, render.deadline_at = RenderState.SPEAKING, render.state_since + DEADLINES[RenderState.SPEAKING]
        if speech.ended:  # since it was priced
            jobs.enqueue("studio.spoken", speech_id=speech.pk)


def render_of(request: RenderRequest, options: dict[str, Any], quote: Quote, user: User | None) -> Render:
    """The row as it will be, without its hold, and what it keeps of the rights to its inputs."""
    first, *others = quote.chain
    assert first.price is not None  # noqa: S101 -- a line without a price is never chosen
    now = timezone.now()
    return Render(
        id=render_id(),
        workspace=request.workspace,
        project=request.project,
        requested_by=user,
        title=request.title,
        portrait=request.portrait,
        voice=request.voice,
        model=request.model,
        offer=first.offer,
        routing=request.offer or request.routing,
        fallback=request.fallback,
        token=request.token,
        notify=request.mails,
        test=request.test,
        reference=request.reference,
        metadata=dict(request.metadata),
        webhook_url=request.webhook_url,
        why=quote.why,
        fallbacks=[{"offer": line.offer, "price": line.price.pk} for line in others if line.price],
        prompt=request.prompt.strip(),
        options=options,
        rights=keep_rights(request, quote.ceiling_micros, user),
        price=first.price,
        ceiling_ms=quote.ceiling_ms,
        ceiling_micros=quote.ceiling_micros,
        state_since=now,
        deadline_at=now + DEADLINES[RenderState.QUEUED],
        next_try_at=now,
    )


def save_with_hold(render: Render, amount_micros: int, tags: Sequence[str] = ()) -> None:
    """Hold the amount for the render and write it, with its tags and the first line of its history."""
    render.hold = holds.place_hold(
        render.workspace,
        amount_micros,
        key=f"render:{render.pk}:hold",
        subject=f"render:{render.pk}",
        deadline_at=render.state_since + HOLD_LIFE,
        budgets=scopes_of(render.project, render.requested_by, render.token),
    )
    render.save(force_insert=True)
    if tags:
        set_tags(render, tags)
    RenderEvent.objects.create(render=render, to_state=render.state, reason="asked for", at=render.state_since)
