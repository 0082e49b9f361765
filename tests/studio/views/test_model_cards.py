"""Cards of the models on the form of a new video."""

from __future__ import annotations

import re
from typing import Any

import av
import numpy as np
import pytest
from django.test import Client
from django.urls import reverse

from avatarsite.workspaces.models import Workspace
from billing.money import Amount
from billing.prices import price_book
from studio.media.video.loops import cut_loop
from studio.providers.registry import MODELS
from studio.views.maker.cards import CLIPS
from tests.conftest import Cast
from tests.studio import shop


@pytest.fixture
def house(cast: Cast, settings: Any) -> Workspace:
    settings.RUNWARE_API_KEY, settings.FAL_KEY, settings.AIMLAPI_KEY = "r" * 20, "an-id:a-secret", "a" * 20
    settings.PUBLIC_URL = settings.S3_PUBLIC_ENDPOINT_URL = "https://studio.example.org"
    house = shop.open_shop(cast.workspace)
    price_book.seed_prices()
    return house


@pytest.fixture
def owner(cast: Cast) -> Client:
    return cast.browser(cast.alice)


def page_of(owner: Client, house: Workspace, **asked: str) -> Any:
    return owner.get(reverse("video_new", kwargs={"workspace": house.slug}), {"draft": "1", **asked})


def card(page: str, model: str) -> str:
    """The words of a card."""
    cards = re.findall(r'<label class="model">.*?</label>', page, re.DOTALL)
    (found,) = [each for each in cards if f'value="{model}"' in each]
    return " ".join(re.sub(r"<[^>]+>", " ", found).split())


def test_the_newer_ones_stand_by_price_and_the_older_ones_are_folded(owner: Client, house: Workspace) -> None:
    answer = page_of(owner, house)
    cards, page = answer.context["cards"], answer.content.decode()
    assert [each.model.slug for each in cards.newer] == ["draft", "kling-avatar-2-standard", "kling-avatar-2-pro"]
    assert [each.model.slug for each in cards.older] == ["kling-avatar-standard", "kling-avatar-pro"]
    fold = page.partition('<details class="fold" id="models-older">')[2].partition("</summary>")[0]
    assert "2 older models" in fold
    opened = page_of(owner, house, model="kling-avatar-pro").content.decode()
    assert '<details class="fold" id="models-older" open>' in opened


def test_each_says_what_it_is_and_what_it_would_cost_for_this_voice(owner: Client, house: Workspace) -> None:
    bare = page_of(owner, house).content.decode()
    assert card(bare, "kling-avatar-2-standard") == (
        "Still , no clip yet Kling Avatar 2.0 Standard Best value "
        "The newer generation at half the price, for everyday videos. $0.04400 a second"
    )
    assert card(bare, "kling-avatar-pro") == (
        "Still , no clip yet Kling Avatar Pro 1080p 48 fps The generation before, in full HD. $0.12075 a second"
    )
    chosen = {"portrait": shop.portrait_of(house).pk, "voice": shop.voice_of(house).pk}
    filled = page_of(owner, house, **chosen)
    page, panel = filled.content.decode(), filled.context["panel"]
    assert card(page, "draft").endswith("marked as a draft. For checking framing and timing. Costs nothing")
    assert card(page, "kling-avatar-2-standard").endswith("For this voice: $0.44")
    assert panel.likely_of(panel.model) == panel.likely_micros


def test_the_prices_follow_the_choices(owner: Client, house: Workspace) -> None:
    """Two takes at the one that was named; a model that it does not sell stays with its own cheapest."""
    wish = {"voice": shop.voice_of(house).pk, "model": "kling-avatar-2-pro", "routing": "fal", "takes": "2"}
    answer = owner.post(reverse("video_quote", kwargs={"workspace": house.slug}), wish)
    page = answer.content.decode()
    swapped = dict(re.findall(r'id="model-price-([\w-]+)" hx-swap-oob="true">(.*?)</span>\s', page, re.DOTALL))
    prices = {model: " ".join(re.sub(r"<[^>]+>", " ", words).split()) for model, words in swapped.items()}
    assert prices == {
        "draft": "Costs nothing",
        "kling-avatar-2-standard": f"For this voice × 2: {Amount(2 * 562_000).written(2)}",
        "kling-avatar-2-pro": "For this voice × 2: $2.30",
        "kling-avatar-standard": "For this voice × 2: $1.18",
        "kling-avatar-pro": f"For this voice × 2: {Amount(2 * 1_207_500).written(2)}",
    }


def test_best_value_needs_something_to_be_better_than(owner: Client, house: Workspace, settings: Any) -> None:
    assert page_of(owner, house).content.decode().count("Best value") == 1
    settings.RUNWARE_API_KEY = settings.FAL_KEY = ""
    answer = page_of(owner, house)
    assert "Best value" not in answer.content.decode()
    # With nothing newer but the draft, nothing is folded away.
    cards = answer.context["cards"]
    assert ([each.model.slug for each in cards.newer], cards.older) == (
        ["draft", "kling-avatar-standard", "kling-avatar-pro"],
        [],
    )


def test_only_what_a_model_has_made_itself_is_shown_as_its_clip(owner: Client, house: Workspace) -> None:
    page = page_of(owner, house).content.decode()
    clips = {path.stem for path in CLIPS.glob("*.mp4")}
    assert clips == {"draft"}
    assert page.count("data-clip>") == 1
    assert page.count("no clip yet") == len(MODELS) - 1


def test_the_clip_is_two_silent_seconds(tmp_path: Any) -> None:
    with av.open(str(CLIPS / "draft.mp4")) as clip:
        assert [stream.type for stream in clip.streams] == ["video"]
        track = clip.streams.video[0]
        assert (track.width, track.height, track.frames) == (400, 250, 50)
    assert (CLIPS / "draft.mp4").stat().st_size < 40_000


def test_a_loop_begins_where_its_end_leads_back_to(tmp_path: Any) -> None:
    """A film of six shades of grey, of which only the third and the fifth are alike."""
    film, loop = tmp_path / "film.mp4", tmp_path / "loop.mp4"
    shades = (0, 40, 120, 200, 120, 250)
    with av.open(str(film), "w") as output:
        track = output.add_stream("libx264", rate=1, options={"crf": "1"})
        track.width, track.height, track.pix_fmt = 64, 64, "yuv420p"
        for shade in shades:
            grey = av.VideoFrame.from_ndarray(np.full((64, 64), shade, np.uint8), format="gray")
            output.mux(track.encode(grey))
        output.mux(track.encode(None))
    cut_loop(film, loop, seconds=2, box=(0, 0, 64, 64))
    with av.open(str(loop)) as made:
        found = [int(frame.to_ndarray(format="gray").mean()) for frame in made.decode(video=0)]
    assert [min(shades, key=lambda shade: abs(shade - each)) for each in found] == [120, 200]
