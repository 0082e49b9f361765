"""Front page, for somebody who has not signed in: what this is, and what a second of it costs."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from avatarsite.workspaces.views.home import home
from billing.money import charge_micros
from studio.views.prices import ModelCard, model_cards

SECONDS = 30  # of the video that the table of prices takes as its example


@require_safe
def front(request: HttpRequest) -> HttpResponseBase:
    """Who has signed in goes to where they were last."""
    if request.user.is_authenticated:
        return home(request)
    # Called by the template, and only when what it keeps of the prices is too old.
    return render(request, "studio/front.html", {"prices": _prices, "seconds": SECONDS})


def _prices() -> list[tuple[ModelCard, int | None]]:
    """Each model, and what a video of ``SECONDS`` costs at its lowest price; None when it can't be had."""
    return [(card, _video_micros(card)) for card in model_cards()]


def _video_micros(card: ModelCard) -> int | None:
    return charge_micros(SECONDS * 1000, card.chosen.price_micros_per_second) if card.chosen else None
