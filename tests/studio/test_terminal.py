"""What a terminal says while a video is made."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rich.console import Console

from billing.prices import price_book
from studio.models import Outcome, ProviderJob, Render
from studio.terminal import StageBars
from tests.conftest import Cast
from tests.studio import shop

OFFER = "runware:klingai:avatar@2.0-pro"


@pytest.fixture
def render(cast: Cast, settings: Any) -> Render:
    settings.RUNWARE_API_KEY = "a-key"
    house = shop.open_shop(cast.workspace)
    price_book.seed_prices()
    return shop.asked(house, model="kling-avatar-2-pro", offer=OFFER)


def said(bars: StageBars, render: Render) -> list[str]:
    """The lines that come with a look at the render."""
    file = bars.console.file
    assert isinstance(file, io.StringIO)
    before = len(file.getvalue())
    bars(render, None)
    return [line.strip() for line in file.getvalue()[before:].splitlines()]


@pytest.fixture
def bars() -> StageBars:
    return StageBars(Console(file=io.StringIO(), width=80))


def test_a_render_whose_provider_is_paused_says_until_when(render: Render, bars: StageBars) -> None:
    assert said(bars, render) == ["Waiting for its turn       …"]
    render.next_try_at = until = timezone.now() + timedelta(minutes=10)
    note = f"Runware can't take it at the moment; it is sent at {until:%H:%M} UTC."
    assert [said(bars, render) for _ in range(2)] == [[note], []]


def test_a_render_that_was_turned_away_says_by_whom_and_when_it_is_sent_again(render: Render, bars: StageBars) -> None:
    ProviderJob.objects.create(render=render, attempt=1, offer=OFFER, outcome=Outcome.REJECTED)
    _, note = said(bars, render)
    assert note == "Runware would not take it just now; it is sent again in a moment."
    render.next_try_at = until = timezone.now() + timedelta(minutes=5)
    assert said(bars, render) == [f"Runware would not take it just now; it is sent again at {until:%H:%M} UTC."]


def test_a_render_on_its_way_says_where_it_is(render: Render, bars: StageBars) -> None:
    assert said(bars, shop.accepted(render))[-1] == "At Runware."
