"""Asking for a video: the render, its hold and its place in the queue are one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from avatarsite import jobs
from avatarsite.workspaces.models import User, Workspace
from billing import holds
from studio.models import Project, Render, RenderEvent, RenderState, Upload, UploadKind
from studio.models.renders import render_id
from studio.pipeline.options import OptionRefused, checked_options
from studio.pipeline.quote import Quote, quote_render
from studio.pipeline.states import DEADLINES, HOLD_LIFE
from studio.providers import registry
from studio.uploads import UploadRefused, check_pair

PROMPT_LIMIT = 2_500


class RequestRefused(ValueError):
    """The request can't be taken as it is. Nothing was written and nothing is held."""

    def __init__(self, field: str, code: str, message: str, remedy: str = "") -> None:
        super().__init__(f"{message} {remedy}".strip())
        self.field, self.code, self.message, self.remedy = field, code, message, remedy


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks for. ``max_amount_micros`` is the price that they saw; a higher one is not taken."""

    workspace: Workspace
    project: Project
    portrait: Upload
    voice: Upload
    model: str = "draft"
    offer: str | None = None
    routing: str = "cheapest"
    fallback: bool = True
    prompt: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    title: str = ""
    max_amount_micros: int | None = None


def request_render(*, user: User | None, idempotency_key: str | None = None, **wish: Any) -> Render:
    """Take a request: one render, one hold, queued. The same key again gives the same render.

    Raises RequestRefused, holds.InsufficientCredit or holds.WalletFrozen; then nothing was written.
    """
    return take(Wish(**wish), user=user, idempotency_key=idempotency_key)


def take(wish: Wish, *, user: User | None, idempotency_key: str | None) -> Render:
    if idempotency_key and (known := _known(wish, idempotency_key)):
        return known
    options = _checked(wish)
    quote = _affordable(wish, _quote(wish))
    try:
        with transaction.atomic():
            return _write(wish, options, quote, user, idempotency_key)
    except (IntegrityError, holds.InsufficientCredit):
        # Somebody else was first with the same key, and has committed by now; theirs may be what took the credit.
        if idempotency_key and (known := _known(wish, idempotency_key)):
            return known
        raise


def retry_render(render: Render, *, user: User | None, idempotency_key: str | None = None) -> Render:
    """Ask again for what an ended render asked for: a new render with a hold of its own, at today's price."""
    if not render.ended:
        raise RequestRefused("render", "still_running", "This video is still being made.", "Wait for it or cancel it.")
    wish = Wish(
        workspace=render.workspace,
        project=render.project,
        portrait=render.portrait,
        voice=render.voice,
        model=render.model,
        routing=render.routing,
        prompt=render.prompt,
        options=render.options,
        title=render.title,
    )
    return take(wish, user=user, idempotency_key=idempotency_key)


def _known(wish: Wish, key: str) -> Render | None:
    """The render that this key made before, if it was for the same thing."""
    found = Render.objects.for_workspace(wish.workspace).filter(idempotency_key=key).first()
    if found is None:
        return None
    same = (found.portrait_id, found.voice_id, found.model, found.prompt) == (
        wish.portrait.pk,
        wish.voice.pk,
        wish.model,
        wish.prompt.strip(),
    )
    if not same:
        raise RequestRefused(
            "idempotency_key",
            "idempotency_conflict",
            "This key was used before for another video.",
            "Send a new key with a new request.",
        )
    return found


def _checked(wish: Wish) -> dict[str, Any]:
    """The request's options, complete; or the first thing that is wrong with the request."""
    if wish.model not in registry.MODELS:
        choices = ", ".join(registry.MODELS)
        found = f"There is no model {wish.model!r}."
        raise RequestRefused("model", "unknown_model", found, f"Choose one of {choices}.")
    if wish.portrait.kind != UploadKind.PORTRAIT or wish.portrait.workspace_id != wish.workspace.pk:
        found = "This is not a portrait of this workspace."
        raise RequestRefused("portrait", "not_a_portrait", found, "Choose another.")
    if wish.voice.kind != UploadKind.VOICE or wish.voice.workspace_id != wish.workspace.pk:
        raise RequestRefused("voice", "not_a_voice", "This is not a voice track of this workspace.", "Choose another.")
    if wish.project.workspace_id != wish.workspace.pk or wish.project.archived_at:
        raise RequestRefused("project", "no_such_project", "This project can't take videos.", "Choose another.")
    if len(wish.prompt.strip()) > PROMPT_LIMIT:
        found = f"The prompt has {len(wish.prompt.strip()):,} characters; the limit is {PROMPT_LIMIT:,}."
        raise RequestRefused("prompt", "prompt_too_long", found, "Shorten it.")
    try:
        check_pair(wish.portrait, wish.voice)
        return checked_options(wish.options)
    except UploadRefused as refusal:
        raise RequestRefused(refusal.field, refusal.code, refusal.message, refusal.remedy) from refusal
    except OptionRefused as refusal:
        raise RequestRefused(refusal.field, "bad_option", refusal.message, refusal.remedy) from refusal


def _quote(wish: Wish) -> Quote:
    return quote_render(
        model=wish.model,
        voice_ms=wish.voice.duration_ms or 0,
        offer=wish.offer,
        routing=wish.routing,
        fallback=wish.fallback,
    )


def _affordable(wish: Wish, quote: Quote) -> Quote:
    """The quote, cut to what the customer allows."""
    if quote.chosen is None:
        raise RequestRefused("model", "no_offer", f"This model can't be had now. {quote.why}", "Choose another model.")
    most = wish.max_amount_micros
    if most is not None and quote.chosen.ceiling_micros > most:
        raise RequestRefused(
            "max_amount_micros",
            "price_changed",
            "The price has gone up since you saw it.",
            "Look at the new price and press the button again.",
        )
    return quote if most is None else replace(quote, chain=[c for c in quote.chain if c.ceiling_micros <= most])


def _write(wish: Wish, options: dict[str, Any], quote: Quote, user: User | None, idempotency_key: str | None) -> Render:
    first, *others = quote.chain
    assert first.price is not None  # noqa: S101 -- a line without a price is never chosen
    now, new_id = timezone.now(), render_id()
    hold = holds.place_hold(
        wish.workspace,
        quote.ceiling_micros,
        key=f"render:{new_id}:hold",
        subject=f"render:{new_id}",
        deadline_at=now + HOLD_LIFE,
    )
    render = Render.objects.create(
        id=new_id,
        workspace=wish.workspace,
        project=wish.project,
        requested_by=user,
        idempotency_key=idempotency_key,
        title=wish.title.strip()[:120] or _title(wish.voice),
        portrait=wish.portrait,
        voice=wish.voice,
        model=wish.model,
        offer=first.offer,
        routing=wish.offer or wish.routing,
        why=quote.why,
        fallbacks=[{"offer": line.offer, "price": line.price.pk} for line in others if line.price],
        prompt=wish.prompt.strip(),
        options=options,
        price=first.price,
        ceiling_ms=quote.ceiling_ms,
        ceiling_micros=quote.ceiling_micros,
        hold=hold,
        state_since=now,
        deadline_at=now + DEADLINES[RenderState.QUEUED],
        next_try_at=now,
    )
    RenderEvent.objects.create(render=render, to_state=RenderState.QUEUED, reason="asked for", at=now)
    jobs.enqueue("studio.watch")
    return render


def _title(voice: Upload) -> str:
    return voice.name.rsplit(".", 1)[0].replace("_", " ").replace("-", " ").strip()[:120] or "Untitled"
