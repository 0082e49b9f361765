from __future__ import annotations

import pytest

from avatarsite.workspaces.models import Workspace
from studio.errors import RequestRefused
from studio.models import Render, Tag, Upload
from studio.representation import tags_of
from studio.videos.search import find_videos
from studio.videos.tags import add_tags, remove_tags, set_tags, tags_in
from studio.videos.trash import bin_video
from tests.conftest import Cast
from tests.studio import shop


@pytest.fixture
def house(cast: Cast) -> Workspace:
    return shop.open_shop(cast.workspace)


def titles(house: Workspace, **asked: str) -> list[str]:
    return [render.title for render in find_videos(house, **asked)]


def test_words_are_found_wherever_they_stand(house: Workspace) -> None:
    one, other = shop.ready(house, "Summer sale"), shop.ready(house, "Welcome")
    Render.objects.filter(pk=one.pk).update(
        prompt="smiling warmly", reference="order-7715", metadata={"café": "Grüße", "n": "42"}
    )
    Upload.objects.filter(pk=one.voice_id).update(script="Good morning, Anna.")
    Render.objects.filter(pk=other.pk).update(voice=shop.voice_of(house, "other.mp3"))
    add_tags(house, [one], ["Spring Campaign"])
    for words in ("summer", "SMILING", "7715", "café", "Grüße", "anna", "campaign", "summer warmly 42 anna spring"):
        assert titles(house, words=words) == ["Summer sale"], words
    assert titles(house, words="summer welcome") == []
    assert titles(house, words="100%") == []
    assert titles(house) == ["Welcome", "Summer sale"]
    assert (titles(house, tag="spring campaign"), titles(house, tag="spring")) == (["Summer sale"], [])


def test_tags_are_words_of_the_workspace_that_go_with_their_last_video(house: Workspace) -> None:
    one, other = shop.ready(house, "One"), shop.ready(house, "Other")
    assert set_tags(one, [" Summer  Sale ", "summer sale", "b"]) == ["b", "summer sale"]
    add_tags(house, [one, other], ["c"])
    assert (tags_of(one), tags_of(other)) == (["b", "c", "summer sale"], ["c"])
    assert [(tag.word, tag.videos) for tag in tags_in(house)] == [("b", 1), ("c", 2), ("summer sale", 1)]  # type: ignore[attr-defined]
    remove_tags(house, [one, other], ["C"])
    bin_video(one)
    assert list(tags_in(house)) == []
    set_tags(one, [])
    assert not Tag.objects.exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["x" * 41], "Shorten it."),
        (["a,b"], "has a comma"),
        ([f"t{number}" for number in range(21)], "A video has at most 20 tags; this would be 21."),
    ],
)
def test_tags_that_can_not_be(house: Workspace, words: list[str], sentence: str) -> None:
    video = shop.ready(house)
    with pytest.raises(RequestRefused) as refused:
        add_tags(house, [video], words)
    assert sentence in str(refused.value)
    assert tags_of(video) == []
