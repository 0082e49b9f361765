"""Cards of the models on the form: what each shows, is, and would cost for the voice that is in the slot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from studio.providers.registry import Model
from studio.views.prices import ModelCard, PricePanel

CLIPS = Path(settings.BASE_DIR) / "static/models"
DRAFT = "draft"


@dataclass(frozen=True, slots=True)
class VoiceCard:
    """A model that can be had. ``likely_micros`` is None without a voice, or where the model can't take this one."""

    card: ModelCard
    likely_micros: int | None
    best_value: bool = False

    @property
    def model(self) -> Model:
        return self.card.model

    @property
    def clip(self) -> str:
        """A clip that the model has made itself; "" where we have none."""
        name = f"{self.model.slug}.mp4"
        return f"models/{name}" if (CLIPS / name).is_file() else ""


@dataclass(frozen=True, slots=True)
class Cards:
    """``older`` are those with a successor that can be had, too; they are folded."""

    newer: list[VoiceCard]
    older: list[VoiceCard]

    @property
    def all(self) -> list[VoiceCard]:
        return [*self.newer, *self.older]


def cards_of(panel: PricePanel, models: Sequence[ModelCard]) -> Cards:
    """Cheapest first. *Best value* is the newer model with the lowest price, where there is more than one."""
    able = sorted((card for card in models if card.available), key=_price)
    paid = [card for card in able if card.model.slug != DRAFT and not card.model.older]
    best = paid[0] if len(paid) > 1 else None
    cards = [VoiceCard(card, panel.likely_of(card.model), card is best) for card in able]
    folded = [each for each in cards if each.model.older and paid]
    return Cards([each for each in cards if each not in folded], folded)


def _price(card: ModelCard) -> int:
    return card.chosen.price_micros_per_second if card.chosen else 0
