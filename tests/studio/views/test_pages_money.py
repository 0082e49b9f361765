"""One number of decimals a page, where what a render costs is finer than a cent, and one for the balance on all."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from avatarsite.workspaces.models import Workspace
from billing.budgets import budgets
from billing.prices import price_book
from studio.models import Render
from tests.conftest import Cast
from tests.studio import shop

# Not what a person typed, nor a price per second.
AMOUNT = re.compile(r"\$[\d,]+(?:\.(\d+))?(?! a second)(?![\d.])")
BALANCE = re.compile(r"Balance(?: after|:)? (\$[\d,.]+\d)")
# 10 s at this price are finer than a cent, and the ceiling is finer than the fourth decimal.
RATE = 56_217


@pytest.fixture
def house(cast: Cast) -> Workspace:
    house = shop.open_shop(cast.workspace, dollars=20)
    price_book.set_price("local:draft", cost_micros_per_second=1, price_micros_per_second=RATE, source="a test")
    budgets.set_budget(house, "workspace", 10_000_000, user=None)
    return house


@pytest.fixture
def video(house: Workspace) -> Render:
    shop.rendering(house, "Going")
    shop.failed(house, "Broken")
    return shop.ready(house, "Made")


def shown(owner: Client, path: str) -> str:
    answer = owner.get(path)
    assert answer.status_code == 200
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def decimals(owner: Client, path: str) -> set[int]:
    """Of all but the balance, which has the same on every page."""
    words = re.sub(r"(Per second|A second) *\$[\d.]+", "", shown(owner, path))
    return {len(found or "") for found in AMOUNT.findall(BALANCE.sub("", words))}


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("video_new", 2),
        ("balance", 4),
        ("statement", 4),
        ("usage", 4),
        ("budgets", 4),
        ("videos", None),  # the balance alone
        ("projects", None),
        ("topups", None),
        ("team", None),
        ("developers", None),
    ],
)
def test_the_amounts_of_a_page_have_one_number_of_decimals(
    cast: Cast, house: Workspace, video: Render, page: str, expected: int | None
) -> None:
    path = reverse(page, kwargs={"workspace": house.slug})
    if page == "video_new":
        path += f"?again={video.pk}"
    assert decimals(cast.browser(cast.alice), path) == ({expected} if expected else set())
    assert BALANCE.findall(shown(cast.browser(cast.alice), path))[0] == "$18.8734"


def test_the_page_of_a_video_has_one_number_of_decimals_in_every_state(
    cast: Cast, house: Workspace, video: Render
) -> None:
    owner = cast.browser(cast.alice)
    for render in Render.objects.for_workspace(house):
        assert decimals(owner, reverse("video", kwargs={"workspace": house.slug, "render": render.pk})) == {4}


def test_what_binds_is_never_shown_lower_and_what_there_is_never_higher(
    cast: Cast, house: Workspace, video: Render
) -> None:
    """0.562170 charged of 20; 0.564419 held for the one that runs."""
    page = reverse("balance", kwargs={"workspace": house.slug})
    words = shown(cast.browser(cast.alice), page)
    assert (video.charge_micros, video.ceiling_micros) == (562_170, 564_419)
    assert "On the statement $19.4378 Held for running videos -$0.5645 Available $18.8734" in words


def test_a_price_is_in_cents_and_leaves_what_both_amounts_leave_as_they_stand(cast: Cast, house: Workspace) -> None:
    """0.562170 likely and 0.564419 at most, of 20."""
    video = shop.ready(house, "Made")
    page = reverse("video_new", kwargs={"workspace": house.slug}) + f"?again={video.pk}"
    words = shown(cast.browser(cast.alice), page)
    assert "Balance: $19.4378" in words
    assert "Likely $0.56 At most $0.57 Made by This server Balance after $18.8678" in words


def test_what_cents_would_show_as_nothing_is_shown_finer(cast: Cast, house: Workspace) -> None:
    price_book.set_price("local:draft", cost_micros_per_second=1, price_micros_per_second=321, source="a test")
    video = shop.ready(house, "Made")
    page = reverse("video_new", kwargs={"workspace": house.slug}) + f"?again={video.pk}"
    assert decimals(cast.browser(cast.alice), page) == {4}
