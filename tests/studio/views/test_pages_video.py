from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from avatarsite.workspaces.models import Workspace
from billing.ledger import posting
from billing.models import Transfer
from billing.verify import verification
from studio.models import Render, RenderState
from studio.pipeline.states import advance, note
from studio.providers.types import Fault
from studio.views.video import poll_seconds
from tests.conftest import Cast
from tests.studio import shop

DEEDS = ("video_cancel", "video_retry", "video_rename", "video_delete")


@pytest.fixture
def house(cast: Cast) -> Workspace:
    return shop.open_shop(cast.workspace)


@pytest.fixture
def owner(cast: Cast) -> Client:
    return cast.browser(cast.alice)


def url(name: str, render: Render) -> str:
    return reverse(name, kwargs={"workspace": render.workspace.slug, "render": render.pk})


def text(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def triggers(answer: Any) -> list[str]:
    """What the middle of the page polls by; the header's count is another thing."""
    return re.findall(r'id="stages"[^>]*hx-trigger="([^"]*)"', answer.content.decode())


def messages(answer: Any) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


# --- While it is made --------------------------------------------------------------------------------------------


def test_a_running_video_shows_its_stages_and_its_hold(owner: Client, house: Workspace) -> None:
    video = shop.rendering(house, percent=42)
    answer = owner.get(url("video", video))
    assert [(stage.name, stage.state) for stage in answer.context["stages"]] == [
        ("queued", "done"),
        ("submitting", "done"),
        ("rendering", "now"),
        ("ingesting", "waiting"),
        ("ready", "waiting"),
    ]
    words = text(answer)
    assert "Held $1.0040 , charged only if it succeeds." in words
    assert "42 %" in words
    assert triggers(answer) == ["load delay:1s, retry"]


def test_a_free_video_holds_nothing_and_says_so(cast: Cast) -> None:
    free = shop.open_shop(cast.workspace, dollars=0)
    shop.price_book.set_price(shop.OFFER, cost_micros_per_second=0, price_micros_per_second=0, source="free")
    video = shop.asked(free)
    assert "This video costs nothing; nothing is held." in text(cast.browser(cast.alice).get(url("video", video)))


@pytest.mark.parametrize(
    ("age", "seconds"),
    [
        (timedelta(0), 1),
        (timedelta(seconds=20), 1),
        (timedelta(seconds=31), 2),
        (timedelta(minutes=3), 5),
        (timedelta(minutes=30), 15),
        (timedelta(hours=5), 60),
    ],
)
def test_it_is_asked_less_often_the_longer_it_takes(age: timedelta, seconds: int) -> None:
    assert poll_seconds(timezone.now() - age) == seconds


def test_the_fragment_asks_again_while_the_video_runs(owner: Client, house: Workspace) -> None:
    video = shop.rendering(house)
    answer = owner.get(url("video_status", video), {"seen": "rendering"})
    assert triggers(answer) == ["load delay:1s, retry"]
    assert f'{url("video_status", video)}?seen=rendering"' in answer.content.decode()
    assert answer.has_header("HX-Retarget") is False
    assert "<html" not in answer.content.decode()


def test_the_fragment_stops_asking_at_the_end_and_brings_the_player(owner: Client, house: Workspace) -> None:
    video = shop.ready(house)
    answer = owner.get(url("video_status", video), {"seen": "ingesting"})
    page = answer.content.decode()
    assert (answer["HX-Retarget"], answer["HX-Reswap"]) == ("#render", "outerHTML")
    assert triggers(answer) == []
    assert "hx-trigger" not in page
    assert page.count("<video ") == 1
    assert page.count('id="actions" hx-swap-oob="true"') == 1
    assert "<title>Ready: A video · Avatar Studio</title>" in page


@pytest.mark.parametrize("make", [shop.failed, shop.cancelled])
def test_the_fragment_stops_asking_when_there_will_be_no_video(owner: Client, house: Workspace, make: Any) -> None:
    answer = owner.get(url("video_status", make(house)), {"seen": "queued"})
    assert answer["HX-Retarget"] == "#render"
    assert "hx-trigger" not in answer.content.decode()


def test_news_are_told_to_screen_readers_once(owner: Client, house: Workspace) -> None:
    video = shop.rendering(house)
    told = owner.get(url("video_status", video), {"seen": "submitting"}).content.decode()
    assert re.findall(r'id="news" role="status" hx-swap-oob="true">\s*([^<]*?)\s*<', told) == ["Rendering."]
    again = owner.get(url("video_status", video), {"seen": "rendering"}).content.decode()
    assert 'id="news"' not in again


# --- Cancelling --------------------------------------------------------------------------------------------------


def test_cancelling_tells_its_terms_first_and_changes_nothing(owner: Client, house: Workspace) -> None:
    video = shop.asked(house)
    answer = owner.get(url("video_cancel", video))
    assert "Nothing has been sent yet. All $1.0040 that is held comes back." in text(answer)
    video.refresh_from_db()
    assert video.state == RenderState.QUEUED


def test_cancelling_returns_the_hold_and_the_page_says_so(owner: Client, house: Workspace) -> None:
    video = shop.asked(house)
    answer = owner.post(url("video_cancel", video), follow=True)
    assert "This video was cancelled" in text(answer)
    assert "Nothing was charged; the $1.0040 that was held has been returned." in text(answer)
    assert posting.balance(house).available_micros == 5 * shop.DOLLAR


def test_what_can_not_be_cancelled_any_more_is_said(owner: Client, house: Workspace) -> None:
    video = shop.rendering(house)
    advance(video, RenderState.INGESTING, reason="the provider has finished")
    shown = owner.get(url("video_cancel", video))
    assert "Cancel the video" not in text(shown)
    answer = owner.post(url("video_cancel", video), follow=True)
    assert messages(answer) == ["The provider has finished it; it will be here in a moment."]


def test_no_button_is_offered_that_can_not_cancel(owner: Client, house: Workspace) -> None:
    link = f'hx-get="{url("video_cancel", shop.asked(house))}"'
    assert link.partition("/videos/")[0] in owner.get(url("video", Render.objects.get())).content.decode()
    # What is at a provider that stops nothing, and what is being copied.
    elsewhere = shop.rendering(house, "Elsewhere")
    Render.objects.filter(pk=elsewhere.pk).update(offer="runware:klingai:avatar@2.0-pro")
    copied = shop.rendering(house, "Copied")
    advance(copied, RenderState.INGESTING, reason="the provider has finished")
    late = shop.rendering(house, "Late")
    Render.objects.filter(pk=late.pk).update(cancel_requested_at=timezone.now())
    note(late, "the provider's answer to the cancel: too_late")
    for video, why in (
        (elsewhere, "The provider can't stop a video that it has taken. You will get it, and pay at most $1.0040."),
        (copied, "The provider has finished it; it will be here in a moment."),
        (late, "The provider can't stop it any more. If a video comes of it, you get it and pay at most $1.0040."),
    ):
        for name in ("video", "video_status"):
            answer = owner.get(url(name, video))
            assert url("video_cancel", video) not in answer.content.decode()
            assert why in html.unescape(text(answer))
    assert "Being made" in text(owner.get(url("video", late)))
    lists = [owner.get(reverse("videos", kwargs={"workspace": house.slug})), owner.get(url("video", late))]
    assert [word in text(page) for page in lists for word in ("Stopping", "It is being stopped.")] == [False] * 4


def test_a_dialog_is_only_its_content_and_a_page_is_whole(owner: Client, house: Workspace) -> None:
    video = shop.asked(house)
    for name in ("video_cancel", "video_rename", "video_delete"):
        fragment = owner.get(url(name, video), headers={"HX-Request": "true"}).content.decode()
        assert (fragment.count("<html"), fragment.count('id="dialog-title"')) == (0, 1)
        assert owner.get(url(name, video)).content.decode().count("<html") == 1


# --- When it is ready --------------------------------------------------------------------------------------------


def test_a_ready_video_has_its_player_and_its_receipt(owner: Client, house: Workspace) -> None:
    video = shop.ready(house, "Hello")
    answer = owner.get(url("video", video))
    words = text(answer)
    assert "$1.0000 10 s × $0.1000 a second" in words
    assert "The most it could cost $1.0040 Given back $0.0040 Model Draft Made by This server" in words
    page = " ".join(answer.content.decode().split())
    assert f'<source src="{url("video_file", video)}" type="video/mp4">' in page
    assert f'{reverse("balance", kwargs={"workspace": house.slug})}#render-{video.pk}"' in page
    assert triggers(answer) == []


@pytest.mark.usefixtures("local_files")
def test_the_file_is_a_signed_link_and_a_download_is_named_after_the_title(owner: Client, house: Workspace) -> None:
    video = shop.ready(house, "Welcome: part 1/2")
    shown = owner.get(url("video_file", video))
    assert shown.status_code == 302
    assert re.fullmatch(rf"/files/[^/]+/{re.escape(video.video.name)}", shown["Location"])
    saved = owner.get(url("video_file", video), {"download": "1"})
    assert saved["Location"].endswith("?as=Welcome-+part+1-2.mp4")


def test_there_is_no_file_before_the_video_is_ready(owner: Client, house: Workspace) -> None:
    assert owner.get(url("video_file", shop.rendering(house))).status_code == 404


def test_the_page_costs_the_same_queries_whatever_its_history(
    owner: Client, house: Workspace, django_assert_num_queries: Any
) -> None:
    video = shop.ready(house)
    owner.get(url("video", video))
    # Session, person, membership; the render with all it names; events, jobs; formats; comments; papers;
    # its price; how long it stays; count, balance, switcher.
    with django_assert_num_queries(14):
        owner.get(url("video", video))


# --- When it failed ----------------------------------------------------------------------------------------------


def test_a_failure_says_what_happened_what_it_cost_and_what_to_press(owner: Client, house: Workspace) -> None:
    words = text(owner.get(url("video", shop.failed(house))))
    assert "This video could not be made The provider could not finish the video." in words
    assert "Nothing was charged; the $1.0040 that was held has been returned." in words
    assert "Try again Change it first" in words


@pytest.mark.parametrize("fault", [Fault.INPUT, Fault.MODERATION])
def test_refused_inputs_lead_to_changing_them(owner: Client, house: Workspace, fault: Fault) -> None:
    video = shop.failed(house, fault=fault)
    page = owner.get(url("video", video))
    assert "Change the files" in text(page)
    new = reverse("video_new", kwargs={"workspace": house.slug})
    assert f'href="{new}?again={video.pk}"' in page.content.decode()


def test_trying_again_twice_makes_one_new_video(owner: Client, house: Workspace) -> None:
    video = shop.failed(house, "Once more")
    answers = [owner.post(url("video_retry", video), {"idempotency_key": "ask_1"}) for _ in range(2)]
    fresh = Render.objects.exclude(pk=video.pk).get()
    assert [answer["Location"] for answer in answers] == [url("video", fresh)] * 2
    assert (fresh.title, fresh.state, fresh.portrait_id) == ("Once more", "queued", video.portrait_id)


def test_trying_again_without_credit_says_what_is_missing(cast: Cast) -> None:
    house = shop.open_shop(cast.workspace, dollars=2)
    video = shop.failed(house)
    shop.ready(house)
    answer = cast.browser(cast.alice).post(url("video_retry", video), follow=True)
    assert messages(answer) == ["This needs $1.004 and $1.00 is available: add $0.004."]
    assert Render.objects.count() == 2


def test_a_running_video_is_not_tried_again(owner: Client, house: Workspace) -> None:
    answer = owner.post(url("video_retry", shop.rendering(house)), follow=True)
    assert messages(answer) == ["This video is still being made. Wait for it or cancel it."]
    assert Render.objects.count() == 1


# --- Renaming and deleting ---------------------------------------------------------------------------------------


def test_a_video_can_be_renamed_at_any_time(owner: Client, house: Workspace) -> None:
    video = shop.rendering(house, "Old")
    answer = owner.post(url("video_rename", video), {"title": "  New name "})
    assert answer["Location"] == url("video", video)
    video.refresh_from_db()
    assert (video.title, video.state) == ("New name", RenderState.RENDERING)


@pytest.mark.parametrize(
    ("title", "sentence"),
    [("  ", "A video needs a title."), ("x" * 121, "The title has 121 characters; the limit is 120.")],
)
def test_a_bad_title_is_refused_at_its_field(owner: Client, house: Workspace, title: str, sentence: str) -> None:
    video = shop.ready(house, "Old")
    answer = owner.post(url("video_rename", video), {"title": title})
    assert answer.status_code == 422
    assert sentence in text(answer)
    video.refresh_from_db()
    assert video.title == "Old"


def test_deleting_asks_first_and_then_puts_it_into_the_bin(owner: Client, house: Workspace) -> None:
    video = shop.ready(house, "Gone soon")
    names = [video.video.name, video.poster.name]
    for name in names:
        default_storage.save(name, ContentFile(b"bytes"))
    assert "Delete this video?" in text(owner.get(url("video_delete", video)))
    assert Render.objects.for_workspace(house).count() == 1
    answer = owner.post(url("video_delete", video))
    assert answer["Location"] == reverse("videos", kwargs={"workspace": house.slug})
    assert (Render.objects.for_workspace(house).count(), Render.objects.count()) == (0, 1)
    assert owner.get(url("video", video)).status_code == 404
    assert [default_storage.exists(name) for name in names] == [True, True]


def test_the_ledger_keeps_what_a_deleted_video_cost(owner: Client, house: Workspace) -> None:
    video = shop.ready(house)
    before = list(Transfer.objects.values())
    owner.post(url("video_delete", video))
    assert list(Transfer.objects.values()) == before
    assert verification.verify() == []
    statement = owner.get(reverse("balance", kwargs={"workspace": house.slug}))
    assert statement.status_code == 200
    assert url("video", video) not in statement.content.decode()


def test_a_running_video_is_not_deleted(owner: Client, house: Workspace) -> None:
    video = shop.rendering(house)
    assert "goes into the bin" not in text(owner.get(url("video_delete", video)))
    answer = owner.post(url("video_delete", video), follow=True)
    assert messages(answer) == ["This video is still being made. Cancel it first, or wait for its end."]
    assert Render.objects.count() == 1


# --- Who may -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DEEDS)
def test_a_viewer_may_look_and_not_act(cast: Cast, house: Workspace, name: str) -> None:
    video = shop.failed(house)
    bob = cast.browser(cast.bob)
    page = bob.get(url("video", video)).content.decode()
    assert [url(deed, video) for deed in DEEDS if f'"{url(deed, video)}"' in page] == []
    before = list(Render.objects.values())
    assert bob.post(url(name, video), {"title": "Mine"}).status_code == 403
    assert list(Render.objects.values()) == before


@pytest.mark.parametrize("name", ["video", "video_status", "video_file", *DEEDS])
def test_a_stranger_finds_nothing_under_either_workspace(cast: Cast, house: Workspace, name: str) -> None:
    video = shop.ready(house)
    charlie = cast.browser(cast.charlie)
    his = cast.charlie.workspaces.get()
    his_door = reverse(name, kwargs={"workspace": his.slug, "render": video.pk})
    before = list(Render.objects.values())
    assert [ask(url(name, video)).status_code for ask in (charlie.get, charlie.post)] == [404, 404]
    method = charlie.get if name in {"video", "video_status", "video_file"} else charlie.post
    assert method(his_door, {"title": "Mine"}).status_code == 404
    assert list(Render.objects.values()) == before


def test_nonsense_instead_of_a_key_is_harmless(owner: Client, house: Workspace) -> None:
    video = shop.failed(house)
    answers = [owner.post(url("video_retry", video), {"idempotency_key": key}) for key in ("x\0y", "k" * 5000)]
    assert [answer.status_code for answer in answers] == [302, 302]
    assert Render.objects.count() == 3
