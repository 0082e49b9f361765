from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from avatarsite.workspaces.models import Workspace
from billing.ledger import posting
from billing.views import balance as balance_page
from tests.conftest import Cast
from tests.studio import shop


@pytest.fixture
def house(cast: Cast) -> Workspace:
    return shop.open_shop(cast.workspace, dollars=20)


@pytest.fixture
def owner(cast: Cast) -> Client:
    return cast.browser(cast.alice)


def page_of(house: Workspace) -> str:
    return reverse("balance", kwargs={"workspace": house.slug})


def text(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def test_it_tells_what_is_posted_held_and_available(owner: Client, house: Workspace) -> None:
    shop.ready(house, "Paid for")
    shop.rendering(house, "Going")
    words = text(owner.get(page_of(house)))
    assert "On the statement $19.0000 Held for running videos -$1.0040 Available $17.9960" in words
    assert "Top-ups are off on this server. Ask whoever runs it for credit." in words
    assert "Held now Going (draft) just now $1.0040" in words


def test_credit_is_told_apart_with_its_dates(owner: Client, house: Workspace) -> None:
    until = timezone.now() + timedelta(days=3)
    posting.grant(house, 2_000_000, key="gift", reason="A gift", expires_at=until)
    words = text(owner.get(page_of(house)))
    assert f"Bonus A gift Until {until:%-d %b %Y} $2.00 Bonus Welcome Never expires $20.00" in words
    assert "Paid $0.00, bonus $22.00." in words


def test_each_line_names_its_video_and_adds_up(owner: Client, house: Workspace) -> None:
    video = shop.ready(house, "Paid for")
    answer = owner.get(page_of(house))
    words = text(answer)
    assert "Paid for (draft) 10 s at $0.1000 a second -$1.00 $19.00" in words
    assert "Credit granted Welcome +$20.00 $20.00 At the beginning $0.00" in words
    assert "These lines together +$20.00 in, -$1.00 out" in words
    link = reverse("video", kwargs={"workspace": house.slug, "render": video.pk})
    assert f'<tr id="render-{video.pk}">' in answer.content.decode()
    assert f'<a href="{link}">Paid for (draft)</a>' in answer.content.decode()


def test_a_failed_video_leaves_no_line(owner: Client, house: Workspace) -> None:
    shop.failed(house, "Cost nothing")
    shop.cancelled(house, "Cost nothing either")
    answer = owner.get(page_of(house))
    assert [line.kind for line in answer.context["lines"]] == ["grant"]
    assert "Cost nothing" not in answer.content.decode()


def test_older_lines_follow_without_a_gap_and_each_page_adds_up(
    owner: Client, house: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(balance_page, "PAGE_SIZE", 2)
    for number in range(4):
        shop.ready(house, f"Video {number}")
    pages, before = [], ""
    while True:
        context = owner.get(page_of(house), {"before": before}).context
        lines = context["lines"]
        assert context["before_these"] + context["came_in"] - context["went_out"] == lines[0].balance_after_micros
        pages.append([line.amount_micros for line in lines])
        if not context["older"]:
            break
        before = str(context["older"])
    assert pages == [[-1_000_000, -1_000_000], [-1_000_000, -1_000_000], [20_000_000]]


@pytest.mark.parametrize("before", ["x", "-1", "9" * 40, "٣", "1.5"])
def test_nonsense_in_the_address_shows_the_newest_lines(owner: Client, house: Workspace, before: str) -> None:
    answer = owner.get(page_of(house), {"before": before})
    assert (answer.status_code, len(answer.context["lines"])) == (200, 1)


@pytest.mark.parametrize("rows", [1, 3])
def test_it_costs_the_same_queries_for_any_length(
    owner: Client, house: Workspace, rows: int, django_assert_num_queries: Any
) -> None:
    for number in range(rows):
        shop.ready(house, f"Video {number}")
    owner.get(page_of(house))
    # Session, person, membership; wallet, lines, balance, holds, lots, titles; running count and balance; switcher;
    # and of top-ups the customer, the newest and the rule; what is owed and what of it was paid.
    with django_assert_num_queries(14):
        owner.get(page_of(house))


def test_an_empty_statement_teaches_what_will_stand_there(cast: Cast) -> None:
    words = text(cast.browser(cast.alice).get(page_of(cast.workspace)))
    assert "Nothing has moved yet" in words
    assert "There is no credit in this workspace." in words


def test_a_viewer_may_read_it_and_a_stranger_may_not(cast: Cast, house: Workspace) -> None:
    assert cast.browser(cast.bob).get(page_of(house)).status_code == 200
    assert cast.browser(cast.charlie).get(page_of(house)).status_code == 404
