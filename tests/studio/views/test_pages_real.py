"""From a draft to a real video: cards with prices, one click, the same inputs; and what a draft is told that waits."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse

from avatarsite.workspaces.models import Workspace
from billing.ledger import posting
from billing.money import usd
from billing.prices import price_book
from studio.models import Render, Upload
from studio.pipeline import places
from studio.pipeline.health import Record
from studio.pipeline.places import Place, place_in_line
from studio.pipeline.progress import stages
from tests.conftest import Cast
from tests.studio import shop

MODEL = "kling-avatar-2-standard"


@pytest.fixture
def house(cast: Cast, settings: Any) -> Workspace:
    settings.FAL_KEY = "an-id:a-secret"
    house = shop.open_shop(cast.workspace)
    price_book.seed_prices()
    return house


@pytest.fixture
def owner(cast: Cast) -> Client:
    return cast.browser(cast.alice)


def url(name: str, render: Render) -> str:
    return reverse(name, kwargs={"workspace": render.workspace.slug, "render": render.pk})


def card(page: str, model: str) -> dict[str, str]:
    """What the card of a model sends."""
    form = next(form for form in re.findall(r"<form class=\"real__one.*?</form>", page, re.DOTALL) if model in form)
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))


def test_a_draft_becomes_real_with_one_click(owner: Client, house: Workspace) -> None:
    draft = shop.ready(house, "Morning", prompt="calm", reference="42")
    assert f'data-fetch="{url("video_real", draft)}"' in owner.get(url("video", draft)).content.decode()
    page = owner.get(url("video_real", draft)).content.decode()
    assert page.count("real__one") == 2
    part = owner.get(url("video_real", draft), headers={"HX-Request": "true"}).content.decode()
    assert (part.count("real__one"), "<html" in part) == (2, False)
    sent = card(page, MODEL)
    answer = owner.post(url("video_real", draft), sent)
    real = Render.objects.exclude(pk=draft.pk).get()
    assert answer["Location"] == url("video", real)
    names = ("portrait", "voice", "project", "title", "prompt", "reference", "options")
    assert [getattr(real, name) for name in names] == [getattr(draft, name) for name in names]
    assert (real.model, real.ceiling_micros) == (MODEL, int(sent["max_amount_micros"]))
    assert owner.post(url("video_real", draft), sent)["Location"] == url("video", real)
    assert Render.objects.count() == 2


def test_the_price_that_stood_there_binds(owner: Client, house: Workspace) -> None:
    draft = shop.ready(house)
    sent = card(owner.get(url("video_real", draft)).content.decode(), MODEL)
    before = price_book.current_price("fal:fal-ai/kling-video/ai-avatar/v2/standard")
    assert before
    dearer = before.price_micros_per_second * 2
    price_book.set_price(before.offer, cost_micros_per_second=1, price_micros_per_second=dearer, source="a test")
    owner.post(url("video_real", draft), sent)
    real = Render.objects.exclude(pk=draft.pk).get()
    assert (real.price, real.ceiling_micros) == (before, int(sent["max_amount_micros"]))


def test_without_credit_a_draft_leads_to_buying_it_and_back(cast: Cast, house: Workspace, settings: Any) -> None:
    draft = shop.ready(house)
    offer = "fal:fal-ai/kling-video/ai-avatar/v2/standard"
    price_book.set_price(offer, cost_micros_per_second=1, price_micros_per_second=1_000_000, source="a test")
    sent = card(cast.browser(cast.alice).get(url("video_real", draft)).content.decode(), MODEL)
    missing = int(sent["max_amount_micros"]) - posting.balance(house).available_micros
    asked = cast.browser(cast.emil).post(url("video_real", draft), sent, follow=True)
    assert asked.redirect_chain == [(url("video", draft), 302)]
    assert f"add {usd(missing)}" in asked.content.decode()
    settings.STRIPE_SECRET_KEY = "sk_test_x"
    for who in (cast.emil, cast.alice):
        found = cast.browser(who).post(url("video_real", draft), sent)["Location"]
        cents = -(-missing // 10_000)
        top_up = reverse("topup_new", kwargs={"workspace": house.slug})
        buys = f"{top_up}?{urlencode({'amount': f'{cents / 100:.2f}', 'next': url('video', draft)})}"
        assert found == (buys if who == cast.alice else url("video", draft))
    page = " ".join(cast.browser(cast.alice).get(buys).content.decode().split())
    assert "is missing for your video. When the credit is here, you go on with it" in page
    assert Render.objects.count() == 1


def test_a_doubtful_portrait_is_confirmed_and_other_videos_have_no_such_cards(owner: Client, house: Workspace) -> None:
    draft = shop.ready(house)
    warning = {"code": "no_face", "message": "No face was found in it.", "remedy": "Choose another picture."}
    Upload.objects.filter(pk=draft.portrait_id).update(details={"warnings": [warning]})
    page = owner.get(url("video_real", draft)).content.decode()
    assert page.count('name="accept_warnings"') == 2
    sent = card(page, MODEL)
    refused = owner.post(url("video_real", draft), sent, follow=True).content.decode()
    assert "No face was found in it. Confirm it" in refused
    assert Render.objects.count() == 1
    owner.post(url("video_real", draft), sent | {"accept_warnings": str(draft.portrait_id)})
    real = Render.objects.exclude(pk=draft.pk).get()
    assert "No other model can take this draft now." in owner.get(url("video_real", real)).content.decode()
    owner.post(url("video_real", real), sent)
    assert Render.objects.count() == 2


def test_what_waits_is_told_its_place_and_its_time(house: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = (shop.asked(house, title) for title in ("One", "Two", "Three"))
    assert [place_in_line(render) for render in (first, second)] == [Place(1, None), Place(2, None)]
    assert [stages(render)[0].note for render in (first, third)] == ["", "Number 3 in line for this server."]
    monkeypatch.setattr(places, "record_of", lambda _offer: Record(ended=9, done=9, p50=0.5, p90=1.0))
    shop.accepted(first)
    # Half of the one that is made, and all of the one before: 5 s and 10 s of video, at half a second for each.
    assert place_in_line(third) == Place(2, pytest.approx(7.53, abs=0.01))
    assert stages(third)[0].note == "Number 2 in line for this server; its turn comes in about 10 seconds."
    assert place_in_line(first) is None
