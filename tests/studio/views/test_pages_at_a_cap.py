"""Each way to spend on the pages says why a budget lets nothing through, and holds nothing."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from avatarsite.workspaces.models import Workspace
from billing.budgets import budgets
from billing.ledger import posting
from billing.prices import price_book
from studio.models import Render
from tests.conftest import Cast
from tests.studio import shop

# In the decimals of whatever page it stands on.
CAP = re.compile(
    r"This needs \$1\.0\d*, and the monthly cap of (the|this) workspace has \$0\.50* left: of \$0\.50*, "
    r"\$0\.0+ is spent and \$0\.0+ held\. It renews on \d+ \w+; an owner or admin can raise it before\."
)


@pytest.fixture
def house(cast: Cast) -> Workspace:
    return shop.open_shop(cast.workspace)


@pytest.fixture
def owner(cast: Cast) -> Client:
    return cast.browser(cast.alice)


def words(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def url(name: str, house: Workspace, **more: str) -> str:
    return reverse(name, kwargs={"workspace": house.slug, **more})


def wish(house: Workspace) -> dict[str, str]:
    return {
        "portrait": shop.portrait_of(house).pk,
        "voice": shop.voice_of(house).pk,
        "model": "draft",
        "output_format": "mp4",
        "output_quality": "95",
        "max_amount_micros": str(shop.CEILING_MICROS),
    }


@pytest.fixture(params=["failed", "cancelled"])
def ended(house: Workspace, request: pytest.FixtureRequest) -> Render:
    broken = shop.failed(house, "Broken")
    Render.objects.filter(pk=broken.pk).update(state=request.param)
    return broken


def test_try_again_says_which_cap_and_until_when(owner: Client, house: Workspace, ended: Render) -> None:
    budgets.set_budget(house, "workspace", 500_000, user=None)
    answer = owner.post(url("video_retry", house, render=ended.pk), {"idempotency_key": "again"}, follow=True)
    assert (answer.status_code, Render.objects.count(), posting.balance(house).held_micros) == (200, 1, 0)
    assert CAP.search(words(answer)), words(answer)


def test_the_form_says_it_before_and_after_the_button_is_pressed(owner: Client, house: Workspace) -> None:
    budgets.set_budget(house, "workspace", 500_000, user=None)
    before = owner.post(url("video_quote", house), wish(house))
    assert (bool(CAP.search(words(before))), before.context["panel"].can_be_made) == (True, False)
    after = owner.post(url("video_new", house), wish(house))
    assert (after.status_code, Render.objects.count(), posting.balance(house).held_micros) == (422, 0, 0)
    assert CAP.search(words(after)), words(after)


def test_who_is_locked_is_told_so(owner: Client, house: Workspace, ended: Render) -> None:
    budgets.lock(house, "workspace", user=None)
    again = owner.post(url("video_retry", house, render=ended.pk), {"idempotency_key": "again"}, follow=True)
    anew = owner.post(url("video_new", house), wish(house))
    assert (again.status_code, anew.status_code, Render.objects.count()) == (200, 422, 1)
    for answer in (again, anew):
        assert "is locked and spends nothing until an owner or admin opens it." in words(answer)


def test_a_draft_that_a_cap_keeps_from_becoming_real_says_so(owner: Client, house: Workspace, settings: Any) -> None:
    settings.FAL_KEY = "an-id:a-secret"
    price_book.seed_prices()
    draft = shop.ready(house, "Made")
    budgets.set_budget(house, "workspace", 1_100_000, user=None)
    wanted = {"model": "kling-avatar-2-pro", "max_amount_micros": "9000000", "idempotency_key": "real"}
    answer = owner.post(url("video_real", house, render=draft.pk), wanted, follow=True)
    assert (answer.status_code, Render.objects.count()) == (200, 1)
    assert "the monthly cap of" in words(answer)
    assert "It renews on" in words(answer)
