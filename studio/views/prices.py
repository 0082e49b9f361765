"""The price panel beside a new video: the quote, the balance, and what is missing."""

from __future__ import annotations

from dataclasses import dataclass

from avatarsite.workspaces.models import Workspace
from billing import ledger
from billing.ledger import Balance
from studio.models import Upload
from studio.pipeline.quote import Quote, QuoteLine, quote_render
from studio.providers.registry import MODELS, OFFERS, Model

# Long enough for every provider, to learn which models can be had before there is a voice.
TYPICAL_MS = 10_000


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model that can be had on this server now, and its lowest price."""

    model: Model
    price_micros_per_second: int


@dataclass(frozen=True, slots=True)
class PricePanel:
    """What the panel says. Without a voice there is no quote; ``missing_micros`` is what the balance falls short by."""

    model: Model
    balance: Balance
    portrait: Upload | None
    voice: Upload | None
    quote: Quote | None
    pinned: str

    @property
    def compared(self) -> list[QuoteLine]:
        """The offers, when there is a choice among them."""
        lines = self.quote.lines if self.quote else []
        return lines if sum(line.available for line in lines) > 1 else []

    @property
    def line(self) -> QuoteLine | None:
        return self.quote.chosen if self.quote else None

    @property
    def after_micros(self) -> int:
        return self.balance.available_micros - (self.line.ceiling_micros if self.line else 0)

    @property
    def missing_micros(self) -> int:
        return max(-self.after_micros, 0)

    @property
    def can_be_made(self) -> bool:
        return bool(self.portrait and self.line and not self.missing_micros)


def price_panel(
    workspace: Workspace, *, portrait: Upload | None, voice: Upload | None, model: str, offer: str | None
) -> PricePanel:
    model = known_model(model).slug
    offer = offer if offer in OFFERS and OFFERS[offer].model == model else None
    quote = quote_render(model=model, voice_ms=voice.duration_ms or 0, offer=offer) if voice else None
    return PricePanel(
        model=known_model(model),
        balance=ledger.balance(workspace),
        portrait=portrait,
        voice=voice,
        quote=quote,
        pinned=offer or "",
    )


def model_cards() -> list[ModelCard]:
    """What can be had now, in the registry's order."""
    quotes = ((model, quote_render(model=model.slug, voice_ms=TYPICAL_MS)) for model in MODELS.values())
    return [ModelCard(model, quote.chosen.price_micros_per_second) for model, quote in quotes if quote.chosen]


def known_model(slug: str) -> Model:
    """The model, or the first there is: an old video may name one that is no longer sold."""
    return MODELS.get(slug) or next(iter(MODELS.values()))
