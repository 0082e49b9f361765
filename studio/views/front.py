"""The page of somebody who has not signed in: what this is, and what a second of it costs."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.cache import cache
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from avatarsite.workspaces.views.home import home
from billing.money import charge_micros
from studio.views.prices import ModelCard, model_cards

SECONDS = 30  # of the video that the table of prices takes as its example
KEPT_SECONDS = 60  # anybody may ask for this page, as often as they like


@dataclass(frozen=True, slots=True)
class ShownPrice:
    """A model's lowest price now; None when it can't be had."""

    name: str
    summary: str
    second_micros: int | None

    @property
    def video_micros(self) -> int | None:
        return None if self.second_micros is None else charge_micros(SECONDS * 1000, self.second_micros)


@require_safe
def front(request: HttpRequest) -> HttpResponseBase:
    """Who has signed in goes to where they were last."""
    if request.user.is_authenticated:
        return home(request)
    prices = cache.get_or_set("front:prices", lambda: [_shown(card) for card in model_cards()], KEPT_SECONDS)
    return render(request, "studio/front.html", {"prices": prices, "seconds": SECONDS})


def _shown(card: ModelCard) -> ShownPrice:
    return ShownPrice(card.model.name, card.model.summary, card.chosen.price_micros_per_second if card.chosen else None)
