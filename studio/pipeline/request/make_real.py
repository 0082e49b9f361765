"""From a draft to a real video: the same inputs with a paid model, nothing typed again."""

from __future__ import annotations

from dataclasses import dataclass, replace

from avatarsite.workspaces.models import User
from studio.errors import RequestRefused
from studio.models import Render, RenderState
from studio.pipeline.long.plan import quote_video
from studio.pipeline.request.kept_quotes import agreed_of, as_shown, sign_quote
from studio.pipeline.request.options import DEFAULTS
from studio.pipeline.request.quote import Quote
from studio.pipeline.request.render_request import RenderRequest
from studio.pipeline.request.take import request_again, take
from studio.pipeline.request.usual import usual_of
from studio.providers.registry import MODELS, Model

DRAFT = "draft"


@dataclass(frozen=True, slots=True)
class RealChoice:
    """A model that a draft can be made real with, and what that costs at most; ``quote_id`` binds us to it."""

    model: Model
    quote: Quote
    quote_id: str

    @property
    def ceiling_micros(self) -> int:
        return self.quote.ceiling_micros


def is_draft(render: Render) -> bool:
    return render.model == DRAFT and render.state == RenderState.READY and not render.whole_id


def titled(title: str, model: str) -> str:
    """A video's title on lists of money, where drafts stand among videos that were bought."""
    return f"{title} (draft)" if model == DRAFT else title


def real_choices(draft: Render) -> list[RealChoice]:
    """Each other model that can take its inputs now, the cheapest first."""
    found = []
    for model in MODELS.values():
        if model.slug == DRAFT:
            continue
        request = _request(draft, model.slug)
        quote = quote_video(
            voice=request.voice,
            portrait=request.portrait,
            model=model.slug,
            prompt=request.prompt,
            routing=request.routing,
            fallback=request.fallback,
            options=DEFAULTS | dict(request.options),
        )
        if quote.chosen:
            agreed = agreed_of(quote, routing=request.routing, fallback=request.fallback, takes=1)
            found.append(RealChoice(model, quote, sign_quote(draft.workspace, agreed)[0]))
    return sorted(found, key=lambda choice: choice.ceiling_micros)


def make_real(  # noqa: PLR0913 -- what was chosen, and what stood beside it
    draft: Render,
    model: str,
    *,
    user: User | None,
    quote: str = "",
    max_amount_micros: int | None = None,
    accept_warnings: bool = False,
    rights: bool = False,
    idempotency_key: str | None = None,
) -> Render:
    """The same video with another model, held to the price that was shown. Raises as ``take`` does."""
    if not is_draft(draft) or model == DRAFT:
        raise RequestRefused("render", "not_a_draft", "This is no finished draft.", "Use it again in a new video.")
    said = replace(_request(draft, model), accept_warnings=accept_warnings, rights=rights)
    asked = replace(said, max_amount_micros=max_amount_micros)
    return take(as_shown(asked, quote), user=user, idempotency_key=idempotency_key)[0]


def _request(draft: Render, model: str) -> RenderRequest:
    usual = usual_of(draft.workspace)
    # A person asks, so that what was a test is none any more.
    again = replace(request_again(draft), token=None)
    return replace(again, model=model, routing=usual.routing, fallback=usual.fallback)
