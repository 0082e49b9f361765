from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from avatarsite.workspaces.models import Workspace
from studio.library import uploads_in_use
from studio.models import Upload
from studio.projects import change_project, create_project
from studio.uploads.samples import PORTRAIT, VOICE
from tests.conftest import Cast
from tests.studio import shop


@pytest.fixture
def house(cast: Cast) -> Workspace:
    return shop.open_shop(cast.workspace)


@pytest.fixture
def owner(cast: Cast) -> Client:
    return cast.browser(cast.alice)


def url(name: str, house: Workspace, upload: Upload | None = None) -> str:
    return reverse(name, kwargs={"workspace": house.slug, **({"upload": upload.pk} if upload else {})})


def text(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def portrait_file(name: str = "me.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, PORTRAIT.read_bytes())


def test_portraits_and_voices_have_a_page_each(owner: Client, house: Workspace) -> None:
    portrait, voice = shop.portrait_of(house), shop.voice_of(house)
    assert owner.get(url("uploads", house)).context["page"].rows == [portrait]
    answer = owner.get(url("uploads", house), {"kind": "voice"})
    assert answer.context["page"].rows == [voice]
    assert answer.content.decode().count("data-wave ") == 1


def test_empty_pages_say_what_works_best(owner: Client, house: Workspace) -> None:
    assert "A clear face that looks into the camera works best." in text(owner.get(url("uploads", house)))
    assert "One person speaking, without music, works best." in text(
        owner.get(url("uploads", house), {"kind": "voice"})
    )


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("kind", ["portrait", "voice"])
def test_the_pages_cost_the_same_queries_for_any_length(
    owner: Client, house: Workspace, rows: int, kind: str, django_assert_num_queries: Any
) -> None:
    for number in range(rows):
        shop.portrait_of(house, f"{number}.jpg")
        shop.voice_of(house, f"{number}.mp3")
    owner.get(url("uploads", house), {"kind": kind})
    # Session, person, membership; the uploads, their use, the room, how long they stay; count, balance, switcher.
    with django_assert_num_queries(10):
        owner.get(url("uploads", house), {"kind": kind})


def test_an_upload_comes_back_as_a_filled_slot(owner: Client, house: Workspace) -> None:
    sent = {"kind": "portrait", "as": "slot", "file": portrait_file()}
    answer = owner.post(url("upload_add", house), sent)
    upload = Upload.objects.get()
    page = " ".join(answer.content.decode().split())
    assert answer.status_code == 200
    assert f'<input type="hidden" name="portrait" value="{upload.pk}">' in page
    assert "512 × 512" in page
    assert "<html" not in page


def test_a_recorded_voice_is_taken(owner: Client, house: Workspace) -> None:
    sent = {"kind": "voice", "as": "slot", "file": SimpleUploadedFile("Recording.mp3", VOICE.read_bytes())}
    answer = owner.post(url("upload_add", house), sent)
    assert "8.417 s" in text(answer)
    assert Upload.objects.get().name == "Recording.mp3"


def test_a_refused_file_says_why_and_leaves_the_slot_as_it_was(owner: Client, house: Workspace) -> None:
    before = shop.portrait_of(house)
    bad = SimpleUploadedFile("me.jpg", b"no picture at all")
    answer = owner.post(url("upload_add", house), {"kind": "portrait", "as": "slot", "current": before.pk, "file": bad})
    assert answer.status_code == 422
    assert answer.context["slot"].error.startswith("The portrait is")
    assert f'name="portrait" value="{before.pk}"' in answer.content.decode()
    assert Upload.objects.get() == before


def test_a_slot_never_shows_what_is_another_workspaces(cast: Cast, owner: Client, house: Workspace) -> None:
    his = shop.portrait_of(cast.charlie.workspaces.get())
    answer = owner.post(url("upload_add", house), {"kind": "portrait", "as": "slot", "current": his.pk})
    assert answer.status_code == 422
    assert his.pk not in answer.content.decode()


def test_a_script_on_the_list_gets_the_sentence_alone(owner: Client, house: Workspace) -> None:
    bad = SimpleUploadedFile("me.mp3", b"no sound at all")
    answer = owner.post(url("upload_add", house), {"kind": "voice", "as": "sentence", "file": bad})
    assert (answer.status_code, answer["Content-Type"]) == (422, "text/plain")
    assert answer.content.decode().startswith("The voice is")


def test_without_a_script_the_list_comes_back_with_the_upload_or_the_reason(owner: Client, house: Workspace) -> None:
    answer = owner.post(url("upload_add", house), {"kind": "portrait", "file": portrait_file()}, follow=True)
    assert [row.name for row in answer.context["page"].rows] == ["me.jpg"]
    answer = owner.post(url("upload_add", house), {"kind": "voice"}, follow=True)
    assert [str(message) for message in answer.context["messages"]] == ["No file came with this. Choose one."]
    assert answer.context["slot"].kind == "voice"


def test_earlier_uploads_can_be_chosen_for_a_slot(owner: Client, house: Workspace) -> None:
    voice = shop.voice_of(house)
    answer = owner.get(url("upload_choices", house), {"kind": "voice"}, headers={"HX-Request": "true"})
    page = answer.content.decode()
    assert f'hx-get="{url("upload_slot", house, voice)}" hx-target="#slot-voice"' in page
    assert "<html" not in page
    slot = owner.get(url("upload_slot", house, voice)).content.decode()
    assert f'<input type="hidden" name="voice" value="{voice.pk}">' in slot


def test_an_unused_upload_is_deleted_with_its_file(
    owner: Client, house: Workspace, django_capture_on_commit_callbacks: Any
) -> None:
    owner.post(url("upload_add", house), {"kind": "portrait", "file": portrait_file()})
    upload = Upload.objects.get()
    name = str(upload.file.name)
    assert default_storage.exists(name)
    assert "can't be brought back. No video uses it." in text(owner.get(url("upload_delete", house, upload)))
    with django_capture_on_commit_callbacks(execute=True):
        owner.post(url("upload_delete", house, upload))
    assert (Upload.objects.count(), default_storage.exists(name)) == (0, False)


def test_an_upload_in_use_is_not_deleted(owner: Client, house: Workspace) -> None:
    video = shop.ready(house)
    assert "belongs to a video" in text(owner.get(url("upload_delete", house, video.portrait)))
    answer = owner.post(url("upload_delete", house, video.portrait), follow=True)
    assert len([str(message) for message in answer.context["messages"]]) == 1
    assert Upload.objects.filter(pk=video.portrait_id).count() == 1


def test_in_use_is_what_a_video_or_a_project_needs(house: Workspace) -> None:
    video = shop.ready(house)
    free, shown = shop.portrait_of(house, "free.jpg"), shop.portrait_of(house, "shown.jpg")
    change_project(create_project(house, "Series"), name="Series", portrait=shown, defaults={})
    uploads = [video.portrait, video.voice, free, shown]
    assert uploads_in_use(house, uploads) == {video.portrait_id, video.voice_id, shown.pk}


def test_a_viewer_may_look_and_not_add_or_delete(cast: Cast, house: Workspace) -> None:
    upload, bob = shop.portrait_of(house), cast.browser(cast.bob)
    page = bob.get(url("uploads", house))
    assert page.context["page"].rows == [upload]
    assert url("upload_add", house) not in page.content.decode()
    assert bob.post(url("upload_add", house), {"kind": "portrait", "file": portrait_file()}).status_code == 403
    assert bob.post(url("upload_delete", house, upload)).status_code == 403
    assert Upload.objects.get() == upload


def test_a_stranger_reaches_no_upload(cast: Cast, house: Workspace) -> None:
    upload, charlie = shop.portrait_of(house), cast.browser(cast.charlie)
    his = cast.charlie.workspaces.get()
    assert charlie.get(url("uploads", house)).status_code == 404
    for name in ("upload_slot", "upload_delete"):
        assert charlie.get(url(name, house, upload)).status_code == 404
        assert charlie.get(url(name, his, upload)).status_code == 404
    assert charlie.post(url("upload_delete", his, upload)).status_code == 404
    assert Upload.objects.get() == upload
