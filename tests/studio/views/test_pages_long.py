"""The pages of a long video: its plan before money, its parts on the way, a lost part, and its seams on the desk."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from avatarsite.workspaces.models import User, Workspace
from studio.models import Upload
from tests.conftest import PASSWORD, Cast
from tests.studio import shop
from tests.studio.pipeline.long import house as at

pytestmark = pytest.mark.django_db


@pytest.fixture
def house(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    at.without_media(monkeypatch)
    return shop.open_shop(cast.workspace, dollars=200)


@pytest.fixture
def owner(cast: Cast) -> Client:
    return cast.browser(cast.alice)


def text(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def price(owner: Client, house: Workspace, voice: Upload) -> str:
    inputs = {"portrait": shop.portrait_of(house).pk, "voice": voice.pk, "model": "draft"}
    return text(owner.post(reverse("video_quote", kwargs={"workspace": house.slug}), inputs))


def video_page(owner: Client, house: Workspace, render: str) -> str:
    return text(owner.get(reverse("video", kwargs={"workspace": house.slug, "render": render})))


def test_the_plan_stands_beside_the_form_before_anything_is_held(owner: Client, house: Workspace) -> None:
    page = price(owner, house, at.lecture(house))
    assert "Made in 6 parts" in page
    assert '<dd class="price__most price__sum money">$60.03' in page
    assert page.count('<li class="part">') == page.count('<span class="money">$10.01') == 6
    assert '<span class="figures">1:40 – 3:20</span>' in page
    assert "charged part by part as each is made" in page


def test_what_was_made_before_is_named_and_free(owner: Client, house: Workspace) -> None:
    at.make_all(at.ask(house, at.lecture(house, "abcdef")))
    changed = price(owner, house, at.long_voice(house, [(word, 100_000) for word in "abXdef"]))
    assert 'Made in 6 parts<span class="fold__aside small">5 from before</span>' in changed
    assert (changed.count("Kept, free"), changed.count('<span class="money">$10.01')) == (5, 1)
    assert '<dt>Likely</dt><dd class="money">$10.00' in changed
    again = price(owner, house, at.lecture(house, "abcdef"))
    assert "All parts were made before" in again


def test_a_short_voice_has_no_plan(owner: Client, house: Workspace) -> None:
    assert 'id="plan"' not in price(owner, house, shop.voice_of(house))


def test_each_part_is_followed_on_the_video_s_page(owner: Client, house: Workspace) -> None:
    whole = at.look(at.ask(house, at.lecture(house)))
    at.make(at.part(whole, 1))
    at.send(at.part(whole, 2))
    page = video_page(owner, house, whole.pk)
    assert "1 of 6 are made." in page
    tones = [f"part--{tone}" for tone in ("done", "now", "waiting", "waiting", "waiting", "waiting")]
    assert [piece.split('"')[0] for piece in page.split('<li class="part ')[1:]] == tones
    assert 'Made, <span class="money">$10.00' in page


def test_a_lost_part_is_named_with_its_reason_and_remedy(owner: Client, house: Workspace) -> None:
    whole = at.look(at.ask(house, at.lecture(house)))
    at.make(at.part(whole, 1))
    for _ in range(20):
        if whole.ended:
            break
        at.lose(at.part(whole, 2))
        at.look(at.look(whole))
    page = video_page(owner, house, whole.pk)
    assert whole.state == "failed"
    assert "Could not be made" in page
    assert "Trying again makes and holds only what is missing." in page
    assert page.count('<li class="part part--done">') == 1


def test_the_desk_shows_the_seams(house: Workspace, cast: Cast) -> None:
    whole = at.make_all(at.ask(house, at.lecture(house)))
    whole.work.seams = [{"at_ms": 100_000, "frame": 2_500, "score": 17.25, "hidden": "cross-fade"}]
    whole.work.save()
    desk = cast.browser(User.objects.create_superuser("root@example.org", PASSWORD))
    page = text(desk.get(reverse("admin:studio_render_change", args=[whole.pk])))
    assert "<td>1</td><td>1:40</td><td>2500</td>" in page
    assert "A cross-fade" in page
