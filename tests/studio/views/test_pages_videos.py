from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from avatarsite.workspaces.models import Workspace
from billing.ledger import posting
from studio.models import Render
from studio.projects import create_project
from studio.views import videos as videos_page
from tests.conftest import Cast
from tests.studio import shop


@pytest.fixture
def house(cast: Cast) -> Workspace:
    return shop.open_shop(cast.workspace, dollars=50)


@pytest.fixture
def owner(cast: Cast) -> Client:
    return cast.browser(cast.alice)


def url(name: str, house: Workspace, **more: str) -> str:
    return reverse(name, kwargs={"workspace": house.slug, **more})


def titles(answer: Any) -> list[str]:
    return [render.title for render in answer.context["page"].rows]


def test_the_list_shows_each_video_with_its_state_newest_first(owner: Client, house: Workspace) -> None:
    shop.ready(house, "First")
    shop.failed(house, "Second")
    shop.asked(house, "Third")
    answer = owner.get(url("videos", house))
    assert titles(answer) == ["Third", "Second", "First"]
    page = " ".join(answer.content.decode().split())
    for word in ("Ready", "Failed", "Queued"):
        assert len(re.findall(rf"</svg>\s*{word}\s*</span>", page)) == 1
    assert page.count('class="video-card"') == 3


def test_a_draft_says_that_it_is_one(owner: Client, house: Workspace) -> None:
    draft, bought = shop.ready(house, "Of our own"), shop.ready(house, "Bought")
    Render.objects.filter(pk=bought.pk).update(model="kling-avatar-2-pro")
    page = owner.get(url("videos", house)).content.decode()
    cards = {pk: page.split(f'id="card-{pk}"')[1].split("</article>")[0] for pk in (draft.pk, bought.pk)}
    assert {pk: ">Draft<" in card for pk, card in cards.items()} == {draft.pk: True, bought.pk: False}
    for name in ("balance", "statement"):
        lines = owner.get(url(name, house)).content.decode()
        assert (lines.count(">Of our own (draft)</a>"), lines.count(">Bought</a>")) == (1, 1)
    rows = b"".join(owner.get(url("statement_file", house)).streaming_content).decode()  # type: ignore[attr-defined]
    assert (rows.count("Of our own (draft)"), rows.count("Bought (")) == (1, 0)


def test_a_viewer_sees_the_videos_and_no_way_to_make_one(cast: Cast, house: Workspace) -> None:
    shop.ready(house, "Seen by all")
    page = cast.browser(cast.bob).get(url("videos", house)).content.decode()
    assert "Seen by all" in page
    assert url("video_new", house) not in page


def test_a_stranger_finds_no_list(cast: Cast, house: Workspace) -> None:
    assert cast.browser(cast.charlie).get(url("videos", house)).status_code == 404


def test_the_list_can_be_narrowed_by_state_project_and_title(owner: Client, house: Workspace) -> None:
    shop.failed(house, "Broken welcome")
    spring = create_project(house, "Spring")
    shop.ready(house, "Welcome to spring", project=spring)
    autumn = create_project(house, "Autumn")
    shop.ready(house, "Welcome to autumn", project=autumn)
    page = url("videos", house)
    assert titles(owner.get(page, {"state": "ready"})) == ["Welcome to autumn", "Welcome to spring"]
    assert titles(owner.get(page, {"state": "failed"})) == ["Broken welcome"]
    assert titles(owner.get(page, {"project": spring.pk})) == ["Welcome to spring"]
    assert titles(owner.get(page, {"q": "AUTUMN welcome"})) == ["Welcome to autumn"]
    assert titles(owner.get(page, {"state": "nonsense"})) == [
        "Welcome to autumn",
        "Welcome to spring",
        "Broken welcome",
    ]


def test_when_nothing_fits_the_page_says_so_and_leads_back(owner: Client, house: Workspace) -> None:
    shop.ready(house)
    page = owner.get(url("videos", house), {"q": "no such title"}).content.decode()
    assert "No video fits" in page
    assert "no such title" in page


def test_words_of_a_search_are_escaped(owner: Client, house: Workspace) -> None:
    page = owner.get(url("videos", house), {"q": "<script>alert(1)</script>"}).content.decode()
    assert "<script>alert(1)" not in page


def test_pages_follow_each_other_without_a_gap(
    owner: Client, house: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(videos_page, "PAGE", 2)
    for title in ("one", "two", "three", "four", "five"):
        shop.cancelled(house, title)
    seen, before = [], ""
    while True:
        answer = owner.get(url("videos", house), {"before": before, "state": "cancelled"})
        seen.append(titles(answer))
        before = answer.context["page"].next
        if not before:
            break
        assert f"before={before}" in answer.content.decode()
    assert seen == [["five", "four"], ["three", "two"], ["one"]]


@pytest.mark.parametrize("rows", [1, 3])
def test_the_list_costs_the_same_queries_for_any_length(
    owner: Client, house: Workspace, rows: int, django_assert_num_queries: Any
) -> None:
    for number in range(rows):
        shop.ready(house, f"Video {number}")
    owner.get(url("videos", house))
    # Session, person, membership; the videos; projects, tags, bin; running, balance; the switcher’s workspaces.
    with django_assert_num_queries(10):
        owner.get(url("videos", house))


@pytest.mark.parametrize("rows", [1, 3])
def test_what_a_page_asks_for_by_itself_costs_few_queries(
    owner: Client, house: Workspace, rows: int, django_assert_num_queries: Any
) -> None:
    running = [shop.rendering(house, f"Video {number}") for number in range(rows)]
    made = shop.ready(house)
    addresses = {
        f"{url('videos_live', house)}?{'&'.join(f'id={each.pk}' for each in [*running, made])}": 4,
        url("header_status", house): 5,
        url("video_status", house, render=running[0].pk): 7,
    }
    for address, queries in addresses.items():
        owner.get(address)
        # Session, person, membership; cards, or count and balance, or the video, its events, its job, who gets a mail.
        with django_assert_num_queries(queries):
            assert owner.get(address).status_code == 200
    cards = owner.get(next(iter(addresses))).content.decode()
    assert re.findall(r'id="card-(\w+)" hx-swap-oob', cards) == [made.pk, *(each.pk for each in reversed(running))]
    asked_next = re.search(r'hx-get="[^"?]*\?([^"]*)"', cards)
    assert asked_next
    assert asked_next[1] == "&amp;".join(f"id={each.pk}" for each in reversed(running))


def test_a_card_is_drawn_anew_once_anything_of_it_is_different(owner: Client, house: Workspace) -> None:
    video = shop.rendering(house, "Before")

    def card() -> str:
        page = owner.get(f"{url('videos_live', house)}?id={video.pk}").content.decode()
        return page.split("</article>")[0]

    first = card()
    assert card() == first
    Render.objects.filter(pk=video.pk).update(title="After <all>")
    assert "After &lt;all&gt;" in (renamed := card())
    assert "Before" not in renamed
    shop.made_ready(video)
    assert ("Ready" in (made := card()), "data-preview" in made, "Rendering" in made) == (True, True, False)


def test_an_empty_workspace_is_taught_what_to_do(cast: Cast, house: Workspace) -> None:
    page = cast.browser(cast.alice).get(url("videos", house)).content.decode()
    assert "One portrait and one voice become a talking video" in page
    assert url("upload_samples", house) in page
    watched = cast.browser(cast.bob).get(url("videos", house)).content.decode()
    assert url("upload_samples", house) not in watched
    assert "Videos appear as soon as somebody makes one." in watched


def test_running_videos_are_asked_for_and_ended_ones_are_not(owner: Client, house: Workspace) -> None:
    shop.ready(house, "Done")
    live = url("videos_live", house)
    assert live not in owner.get(url("videos", house)).content.decode()
    running = shop.rendering(house, "Going")
    assert f'hx-get="{live}?id={running.pk}"' in owner.get(url("videos", house)).content.decode()


def test_live_cards_come_back_until_all_have_ended(owner: Client, house: Workspace) -> None:
    one, two = shop.rendering(house, "One"), shop.rendering(house, "Two")
    live = url("videos_live", house)
    shop.made_ready(one)
    page = owner.get(live, {"id": [one.pk, two.pk]}).content.decode()
    assert [page.count(f'id="card-{each.pk}" hx-swap-oob="true"') for each in (one, two)] == [1, 1]
    assert f'hx-get="{live}?id={two.pk}"' in page
    shop.made_ready(two)
    page = owner.get(live, {"id": [two.pk]}).content.decode()
    assert "hx-get" not in page
    assert "hx-trigger" not in page


def test_live_cards_of_another_workspace_stay_hidden(cast: Cast, house: Workspace) -> None:
    mine = shop.rendering(house, "Not yours")
    his = cast.charlie.workspaces.get()
    page = cast.browser(cast.charlie).get(url("videos_live", his), {"id": mine.pk}).content.decode()
    assert "Not yours" not in page


def test_the_header_counts_what_runs_and_tells_what_is_left(owner: Client, house: Workspace) -> None:
    quiet = owner.get(url("header_status", house)).content.decode()
    assert "hx-trigger" not in quiet
    assert "$50.00" in quiet
    shop.rendering(house)
    busy = owner.get(url("header_status", house)).content.decode()
    assert 'hx-trigger="load delay:5s, retry"' in busy
    assert '<span class="figures">1</span>' in busy
    assert "$48.99" in busy
    assert posting.balance(house).available_micros == 48_996_000


def test_the_door_of_a_workspace_leads_to_its_videos(owner: Client, house: Workspace) -> None:
    answer = owner.get(url("workspace_home", house))
    assert (answer.status_code, answer["Location"]) == (302, url("videos", house))


def test_nothing_of_the_list_is_written_by_looking(owner: Client, house: Workspace) -> None:
    shop.rendering(house)
    before = list(Render.objects.values())
    owner.get(url("videos", house))
    assert list(Render.objects.values()) == before


@pytest.mark.parametrize("name", ["q", "state", "project", "before"])
def test_nonsense_in_the_address_is_as_good_as_nothing(owner: Client, house: Workspace, name: str) -> None:
    assert owner.get(url("videos", house), {name: "\0 ' \" % _ \\ 🎬" + "x" * 5000}).status_code == 200
