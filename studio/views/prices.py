"""The price panel beside a new video: the quote, the balance, and what is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from avatarsite.errors import DomainError
from avatarsite.legal.rights import OF_ONE_VIDEO
from avatarsite.workspaces.models import Workspace
from billing.budgets.budgets import BudgetReached, refusal_of
from billing.ledger import posting
from billing.ledger.posting import Balance
from studio.forms import known_routing
from studio.models import Upload
from studio.pipeline.inputs import changes_when_sent
from studio.pipeline.long.plan import quote_video
from studio.pipeline.long.shown import ShownPart, likely_micros, planned_parts
from studio.pipeline.request.kept_quotes import agreed_of, sign_quote
from studio.pipeline.request.quote import Market, Quote, QuoteLine, is_pinned, quote_render
from studio.pipeline.request.rights import to_state, whose
from studio.providers.registry import MODELS, Model

# Long enough for every provider, to learn which models can be had before there is a voice.
TYPICAL_MS = 10_000


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model, its lowest price, and why it can't be had now, provider by provider, when it can't."""

    model: Model
    chosen: QuoteLine | None
    lines: list[QuoteLine]

    @property
    def available(self) -> bool:
        return self.chosen is not None


@dataclass(frozen=True, slots=True)
class PricePanel:
    """What the panel says. Without a voice there is no quote; ``missing_micros`` is what the balance falls short by.

    The number that binds is the quote's ceiling, over every provider that may take the video. ``refusal`` is of the
    monthly cap that has no room for it.
    """

    model: Model
    balance: Balance
    portrait: Upload | None
    voice: Upload | None
    quote: Quote | None
    routing: str
    fallback: bool
    takes: int
    checked: bool  # for what it shows
    quoted: Callable[[Model], Quote | None]
    refusal: BudgetReached | None = None
    quote_id: str = ""  # id of the quote, which binds us to what the page shows
    rights_to_state: Sequence[Upload] = ()
    stated_of: str = ""  # the key of those to which the right was stated
    accepted_of: str = ""  # id of the portrait whose warnings were accepted
    unpriced: DomainError | None = None  # why a voice has no price, or none yet

    @property
    def waits(self) -> bool:
        """Whether there will be a price without anybody doing anything."""
        return self.unpriced is not None and self.unpriced.retry_after is not None

    @property
    def compared(self) -> list[QuoteLine]:
        """The offers, when the model has several; those that can't be chosen say why."""
        lines = self.quote.lines if self.quote else []
        return lines if len(lines) > 1 else []

    @property
    def pinned(self) -> bool:
        """Whether the customer named a provider; then the video stays there."""
        return is_pinned(self.routing)

    @property
    def may_choose_fallback(self) -> bool:
        return not self.pinned and sum(line.available for line in self.compared) > 1

    @property
    def likely_micros(self) -> int:
        """What the chosen provider charges for a video exactly as long as the voice."""
        return _likely(self.quote, self.takes) or 0

    def likely_of(self, model: Model) -> int | None:
        """The same of another model with the same choices; None without a voice that it can take."""
        return _likely(self.quote if model == self.model else self.quoted(model), self.takes)

    @property
    def ceiling_micros(self) -> int:
        """Of all takes together."""
        return self.takes * self.quote.ceiling_micros if self.quote else 0

    @property
    def to_confirm(self) -> list[dict[str, str]]:
        """What speaks against the portrait of a video that costs something."""
        return self.portrait.warnings if self.portrait and self.ceiling_micros else []

    @property
    def accepted(self) -> bool:
        return self.portrait is not None and self.accepted_of == self.portrait.pk

    @property
    def whose_rights(self) -> str:
        return whose(self.rights_to_state)

    @property
    def rights_key(self) -> str:
        return rights_key(self.portrait, self.voice)

    @property
    def rights_stated(self) -> bool:
        return self.stated_of == self.rights_key

    @property
    def rights_wording(self) -> str:
        return OF_ONE_VIDEO

    @property
    def parts(self) -> list[ShownPart]:
        """Of a voice that is too long to be made at once."""
        return planned_parts(self.quote)

    @property
    def kept_parts(self) -> int:
        return sum(part.kept for part in self.parts)

    @property
    def new_parts(self) -> int:
        return len(self.parts) - self.kept_parts

    @property
    def changes(self) -> list[str]:
        """What is changed about the inputs on their way to a provider elsewhere."""
        if self.line is None or self.line.provider == "local":
            return []
        return [change for upload in (self.portrait, self.voice) if upload for change in changes_when_sent(upload)]

    @property
    def line(self) -> QuoteLine | None:
        return self.quote.chosen if self.quote else None

    @property
    def after_micros(self) -> int:
        return self.balance.available_micros - self.ceiling_micros

    @property
    def missing_micros(self) -> int:
        return max(-self.after_micros, 0)

    @property
    def can_be_made(self) -> bool:
        return bool(self.portrait and self.line and not self.missing_micros and not self.refusal)


def price_panel(  # noqa: PLR0913 -- they are what the form sends
    workspace: Workspace,
    market: Market,
    *,
    portrait: Upload | None,
    voice: Upload | None,
    model: str,
    routing: str,
    fallback: bool,
    options: Mapping[str, Any],
    prompt: str = "",
    scopes: Sequence[str] = (),
    accepted: str = "",
    stated: str = "",
) -> PricePanel:
    """``options`` are those that bear on the price or on who may make it: takes, content_check, and output_quality.

    That one and ``prompt`` decide which parts of a long video are made already.

    ``scopes`` are those whose monthly caps bear on it, beside the workspace's own. ``accepted`` is the id of the
    portrait whose warnings were accepted, ``stated`` the key of the two to which the right was stated.
    """
    found = known_model(model)
    routing = known_routing(found.slug, routing)
    chosen: dict[str, Any] = {
        "portrait": portrait, "prompt": prompt, "fallback": fallback, "options": options, "market": market,
    }  # fmt: skip
    quote, unpriced = _quoted(voice, found, routing, **chosen)
    moves = may_move(routing, fallback=fallback)
    quote_id, takes = "", options["takes"]
    if quote:
        quote_id, _ = sign_quote(workspace, agreed_of(quote, routing=routing, fallback=moves, takes=takes))
    return PricePanel(
        model=found,
        balance=posting.balance(workspace),
        portrait=portrait,
        voice=voice,
        quote=quote,
        routing=routing,
        fallback=fallback,
        takes=takes,
        checked=options["content_check"] != "none",
        quoted=lambda model: _quoted(voice, model, routing, **chosen)[0],
        refusal=refusal_of(workspace, scopes, takes * quote.ceiling_micros) if quote else None,
        quote_id=quote_id,
        rights_to_state=to_state(portrait, voice) if quote and quote.ceiling_micros else (),
        stated_of=stated,
        accepted_of=accepted,
        unpriced=unpriced,
    )


def rights_key(portrait: Upload | None, voice: Upload | None) -> str:
    """What a tick says the right was stated to: other files have to be ticked anew."""
    return f"{portrait.pk if portrait else ''}:{voice.pk if voice else ''}"


def _quoted(
    voice: Upload | None, model: Model, routing: str, *, fallback: bool, **asked: Any
) -> tuple[Quote | None, DomainError | None]:
    if voice is None:
        return None, None
    routing = known_routing(model.slug, routing)
    moves = may_move(routing, fallback=fallback)
    try:
        return quote_video(voice=voice, model=model.slug, routing=routing, fallback=moves, **asked), None
    except DomainError as refusal:
        return None, refusal


def _likely(quote: Quote | None, takes: int) -> int | None:
    """What the chosen provider charges for videos exactly as long as the voice."""
    if not quote or not quote.chosen:
        return None
    return takes * likely_micros(quote, quote.chosen.price_micros_per_second)


def may_move(routing: str, *, fallback: bool) -> bool:
    """Whether other providers may take the video; where the page says "Only Runware", none other may."""
    return fallback and not is_pinned(routing)


def model_cards(market: Market) -> list[ModelCard]:
    """Every model in the registry's order, those that can't be had now among them."""
    quotes = ((model, quote_render(model=model.slug, voice_ms=TYPICAL_MS, market=market)) for model in MODELS.values())
    return [ModelCard(model, quote.chosen, quote.lines) for model, quote in quotes]


def known_model(slug: str) -> Model:
    """The model, or the first there is: an old video may name one that is no longer sold."""
    return MODELS.get(slug) or next(iter(MODELS.values()))
