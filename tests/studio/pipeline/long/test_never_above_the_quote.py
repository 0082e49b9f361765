"""Long videos by chance: whatever becomes of their parts, none costs more than it was quoted."""

from __future__ import annotations

import os
import random

import pytest

from avatarsite.workspaces.models import Workspace
from billing.errors import InsufficientCredit
from billing.ledger import posting
from billing.models import HoldState
from billing.verify import verification
from studio.errors import RequestRefused
from studio.library import delete_video
from studio.models import Render, RenderState
from studio.models.renders import ALIVE
from studio.pipeline.cancel import request_cancel
from studio.pipeline.long.plan import Plan, quote_video
from studio.pipeline.long.tally import parts_of
from studio.pipeline.operator.give_back import give_charge_back
from studio.providers.types import Fault
from tests.studio import shop
from tests.studio.pipeline.long import house as at

pytestmark = pytest.mark.django_db
PLANS = int(os.environ.get("LONG_PLANS", "100"))
VERIFIED_EVERY = 50


def test_no_whole_is_charged_above_its_quote(house: Workspace) -> None:
    chance = random.Random(17)
    posting.grant(house, 10_000_000 * shop.DOLLAR, key="more", reason="For many videos")
    ends: dict[str, int] = {}
    kept = 0
    for number in range(PLANS):
        whole = _ask(house, chance)
        if whole is not None:
            kept += whole.parts.filter(kept=True).count()
            _live(whole, chance)
            _holds(whole)
            ends[whole.state] = ends.get(whole.state, 0) + 1
            _afterwards(whole, chance)
        if number % VERIFIED_EVERY == 0:
            assert verification.verify() == []
    assert posting.balance(house).held_micros == 0
    assert min(ends[state] for state in ("ready", "failed", "cancelled")) > PLANS // 50
    assert kept > PLANS // 5


def _ask(house: Workspace, chance: random.Random) -> Render | None:
    """A voice that shares sentences with those before, at a quote, or at a cent less."""
    said = [(chance.randint(1, 250), chance.choice([90_000, 99_999, 100_001])) for _ in range(chance.randint(4, 9))]
    voice = at.long_voice(house, [(f"{word}{ms}", ms) for word, ms in said])
    quote = quote_video(voice=voice, portrait=shop.portrait_of(house), model="draft")
    if not isinstance(quote, Plan):
        return None
    most = quote.ceiling_micros - (1 if chance.random() < 0.05 else 0)
    before = posting.balance(house)
    try:
        whole = at.ask(house, voice, max_amount_micros=most)
    except (RequestRefused, InsufficientCredit):
        assert most < quote.ceiling_micros or most < 0
        assert posting.balance(house) == before
        return None
    assert whole.ceiling_micros == quote.ceiling_micros
    assert posting.balance(house).held_micros - before.held_micros == quote.ceiling_micros
    return whole


def _live(whole: Render, chance: random.Random) -> None:
    """Steps in any order, until it has ended."""
    bad = chance.choice([0.0, 0.0, 0.15])
    stops = chance.random() < 0.15
    for _ in range(200):
        if whole.ended:
            return
        whole.refresh_from_db()
        if stops and chance.random() < 0.2:
            request_cancel(whole, user=None)
        alive = list(parts_of(whole).filter(state__in=ALIVE).select_related("hold", "price", "workspace"))
        if whole.state == RenderState.QUEUED or not alive or chance.random() < 0.3:
            at.look(whole)
            continue
        part = chance.choice(alive)
        if part.state == RenderState.QUEUED and chance.random() < 0.5:
            at.send(part)
        elif chance.random() < bad:
            at.lose(part, chance.choice([Fault.INPUT, Fault.PROVIDER, Fault.PROVIDER]))
        else:
            at.make(part, over_ms=chance.choice([-500, 0, 3, 40, 5_000]))
    raise AssertionError(f"{whole.pk} has not ended: {whole.state}")


def _holds(whole: Render) -> None:
    whole.refresh_from_db()
    own = list(parts_of(whole).select_related("hold"))
    paid = sum(part.hold.settled_micros or 0 for part in own)
    assert (whole.charge_micros or 0) == paid <= whole.ceiling_micros
    assert all(part.hold.state != HoldState.OPEN for part in own)
    if whole.state == RenderState.READY:
        assert whole.measured_ms == whole.voice.duration_ms
        assert {part.render.state for part in whole.parts.select_related("render")} == {RenderState.READY}


def _afterwards(whole: Render, chance: random.Random) -> None:
    """Some are given back, some deleted, also those whose parts another uses."""
    if chance.random() < 0.1:
        assert give_charge_back(whole, reason="By chance.", actor=None) == bool(whole.charge_micros)
    if chance.random() < 0.2:
        delete_video(whole)
