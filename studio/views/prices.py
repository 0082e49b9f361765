"""The price panel beside a new video: the quote, the balance, and what is missing."""

from __future__ import annotations

from dataclasses import dataclass

from avatarsite.workspaces.models import Workspace
from billing import ledger
from billing.ledger import Balance
from studio.models import Upload
from studio.pipeline.quote import Quote, QuoteLine, quote_render
from studio.providers.registry import MODELS, Model


@dataclass(frozen=True, slots=True)
class PricePanel:
    """What the panel says. Without a voice there is no quote; ``missing_micros`` is what the balance falls short by."""

    model: Model
    models: list[Model]
    balance: Balance
    portrait: Upload | None
    voice: Upload | None
    quote: Quote | None
    pinned: str

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
    quote = quote_render(model=model, voice_ms=voice.duration_ms or 0, offer=offer) if voice else None
    return PricePanel(
        model=MODELS[model],
        models=list(MODELS.values()),
        balance=ledger.balance(workspace),
        portrait=portrait,
        voice=voice,
        quote=quote,
        pinned=offer or "",
    )
