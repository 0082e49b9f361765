"""Acceptance of a request: the render, its hold and its place in the queue are one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any

from django.db import IntegrityError, transaction

from avatarsite.workspaces.models import ApiToken, User
from billing.budgets.notices import note_refusal
from billing.holds import holds
from studio.captions.wish import again
from studio.errors import RequestRefused
from studio.media.errors import UploadRefused
from studio.models import Render, RenderGroup
from studio.pipeline.long.plan import Plan, quote_video, refuse_takes
from studio.pipeline.long.write import write_video
from studio.pipeline.request import limits, usual_checks
from studio.pipeline.request.consent import demand_consent
from studio.pipeline.request.options import DEFAULTS
from studio.pipeline.request.quote import Quote
from studio.pipeline.request.render_request import TITLE_LIMIT, RenderRequest, check_warnings, validate
from studio.pipeline.request.rights import check_rights
from studio.pipeline.request.spoken import spoken_of
from studio.pipeline.request.titles import title_for
from studio.pipeline.request.write import write_render
from studio.representation import captions_row, tags_of
from studio.speech.plan import SpeechWish


def take(request: RenderRequest, *, user: User | None, idempotency_key: str | None = None) -> list[Render]:
    """Take a request: as many renders as ``options["takes"]`` says, each with a hold of its own, queued; all or none.

    The same key again gives the same renders. Raises RequestRefused, BeingListenedTo, DraftsLimited,
    holds.InsufficientCredit, holds.WalletFrozen or holds.BudgetReached; then nothing is held.
    """
    if idempotency_key and (known := _known(request, idempotency_key)):
        return known
    terms = _terms(request)
    try:
        with transaction.atomic():
            return _write_all(request, *terms, user, idempotency_key)
    except (IntegrityError, holds.InsufficientCredit, holds.BudgetReached, limits.DraftsLimited) as refusal:
        # Somebody else was first with the same key, and has committed by now; theirs may be what took credit or room.
        if idempotency_key and (known := _known(request, idempotency_key)):
            return known
        if isinstance(refusal, holds.BudgetReached):
            note_refusal(request.workspace, refusal)
        raise


def take_within(request: RenderRequest, *, user: User | None) -> list[Render]:
    """As ``take`` without a key, in the caller's transaction, which must end with a refusal: nothing is undone here."""
    return _write_all(request, *_terms(request), user, None)


def _terms(request: RenderRequest) -> tuple[dict[str, Any], Quote]:
    """The complete options, and the quote that binds."""
    options = validate(request)
    quote = price_request(request, options)
    check_warnings(request, quote.ceiling_micros)
    check_rights(request, quote.ceiling_micros)
    return options, quote


def retry_render(
    render: Render, *, user: User | None, idempotency_key: str | None = None, token: ApiToken | None = None
) -> Render:
    """Ask again for what an ended render asked for: a new render with a hold of its own, at today's price."""
    if render.whole_id:
        raise RequestRefused("render", "is_a_part", "This is a part of a longer video.", "Ask for that one again.")
    if not render.ended:
        raise RequestRefused("render", "still_running", "This video is still being made.", "Wait for it or cancel it.")
    return take(request_again(render, token=token), user=user, idempotency_key=idempotency_key)[0]


def request_again(render: Render, *, token: ApiToken | None = None) -> RenderRequest:
    """What was asked for, asked for by ``token`` or by a person."""
    return RenderRequest(
        workspace=render.workspace,
        project=render.project,
        portrait=render.portrait,
        **_voice_of(render, render.token if render.test else token),
        model=render.model,
        routing=render.routing,
        fallback=render.fallback,
        prompt=render.prompt,
        options=render.options,
        title=render.title,
        # What was a test stays one, whoever asks again.
        token=render.token if render.test else token,
        reference=render.reference,
        metadata=render.metadata,
        webhook_url=render.webhook_url,
        tags=tags_of(render),
        captions=again(captions) if (captions := captions_row(render)) else None,
        rights=False,
    )


def _voice_of(render: Render, token: ApiToken | None) -> dict[str, Any]:
    """Of one whose script was never spoken, the script."""
    if render.voice:
        return {"voice": render.voice}
    if render.speech is None:
        raise RequestRefused("voice", "voice_gone", "Its script is no longer there.", "Ask for a new video.")
    speech = render.speech
    wish = SpeechWish(render.workspace, speech.script, speech.speaker, speech.pace, render.requested_by, token)
    spoken, voice = spoken_of(wish)
    return {"voice": voice, "spoken": spoken}


def take_key(key: str, number: int) -> str:
    """The key of a take within a group: the first has the caller's own, the others one that derives from it."""
    return key if number == 1 else f"take{number}:{sha256(key.encode()).hexdigest()}"


def _known(request: RenderRequest, key: str) -> list[Render] | None:
    """The renders that this key made before, if it was for the same thing."""
    found = Render.objects.with_binned(request.workspace).filter(idempotency_key=key).first()
    if found is None:
        return None
    takes = list(found.group.renders.order_by("pk")) if found.group else [found]
    named = (found.portrait_id, _voice_key(found), found.model, found.routing, found.fallback, found.prompt)
    same = (*named, DEFAULTS | found.options) == (
        request.portrait.pk,
        request.voice_key,
        request.model,
        request.offer or request.routing,
        request.fallback,
        request.prompt.strip(),
        DEFAULTS | _usual_then(found) | dict(request.options) | {"takes": DEFAULTS["takes"]},
    )
    if not same or len(takes) != request.options.get("takes", DEFAULTS["takes"]):
        raise RequestRefused(
            "idempotency_key",
            "idempotency_conflict",
            "This key was used before for another video.",
            "Send a new key with a new request.",
        )
    return takes


def _usual_then(render: Render) -> dict[str, Any]:
    """What a request that names no content check was given; the workspace may have another usual one by now."""
    return {name: render.options[name] for name in usual_checks.NAMES if name in render.options}


def _voice_key(render: Render) -> str | None:
    return render.speech.digest if render.speech else render.voice_id


def price_request(request: RenderRequest, options: Mapping[str, Any]) -> Quote:
    """The quote that binds, of one take.

    Raises RequestRefused when nobody can make it, or not for what is allowed, and BeingListenedTo when nobody knows
    its parts yet.
    """
    try:
        quote = quote_video(
            voice=request.voice,
            portrait=request.portrait,
            model=request.model,
            prompt=request.prompt,
            offer=request.offer,
            routing=request.routing,
            fallback=request.fallback,
            options=options,
            test=request.test,
            terms=request.terms,
        )
    except UploadRefused as refusal:
        raise RequestRefused(refusal.field, refusal.code, refusal.message, refusal.remedy) from refusal
    if isinstance(quote, Plan):
        refuse_takes(options)
    return _affordable(request, quote, options["takes"])


def _not_to_be_had(request: RenderRequest, quote: Quote) -> RequestRefused:
    if request.terms:
        field, code, sentence, remedy = "quote", "quote_unavailable", "What was quoted", "Ask for a new price."
    else:
        field, code, sentence, remedy = "model", "no_offer", "This model", "Choose another model."
    message = f"{sentence} can't be had now. {quote.why}"
    return RequestRefused(field, code, message, remedy, retry_after=quote.retry_after)


def _affordable(request: RenderRequest, quote: Quote, takes: int) -> Quote:
    """The quote of each take, cut to what the customer allows for all of them."""
    if quote.chosen is None:
        raise _not_to_be_had(request, quote)
    most = request.max_amount_micros
    if most is not None and quote.chosen.ceiling_micros * takes + request.speech_micros > most:
        raise RequestRefused(
            "max_amount_micros",
            "price_changed",
            "The price has gone up since you saw it.",
            "Look at the new price and press the button again.",
        )
    if most is None:
        return quote
    left = most - request.speech_micros
    if isinstance(quote, Plan):
        return quote.within(left)
    return replace(quote, chain=[line for line in quote.chain if line.ceiling_micros * takes <= left])


def _write_all(
    request: RenderRequest, options: dict[str, Any], quote: Quote, user: User | None, idempotency_key: str | None
) -> list[Render]:
    """A render for each take; what each keeps of the options is one take, so that asking again asks for one."""
    takes = options["takes"]
    demand_consent([request], quote.ceiling_micros * takes + request.speech_micros)
    limits.admit(request.workspace, request.token, [quote] * takes)
    title = request.title.strip() or title_for(request.portrait, request.voice)
    if takes == 1:
        return [write_video(replace(request, title=title[:TITLE_LIMIT]), options, quote, user, idempotency_key)]
    group = RenderGroup.objects.create(workspace=request.workspace)
    each = options | {"takes": DEFAULTS["takes"]}
    renders = []
    for number in range(1, takes + 1):
        named = replace(request, title=f"{title[: TITLE_LIMIT - 8]}, take {number}")
        key = take_key(idempotency_key, number) if idempotency_key else None
        renders.append(write_render(named, each, quote, user, key, group, number))
    return renders
