"""A finished video in other formats: asked for, made, downloaded, deleted, with its papers and counted as stored."""

from __future__ import annotations

import io
import itertools
from pathlib import Path
from typing import Any

import av
import pytest
from django.core.files.storage import default_storage
from PIL import Image

from studio.media import judge
from studio.media.video.preview import MAX_SECONDS, SIDES
from studio.models import FileKind, FileState, Papers, Render, RenderState, Rendition, StoredFile
from studio.pipeline.drive import drive
from studio.pipeline.expire import delete_if_due
from studio.renditions import make
from studio.renditions.make import MAX_TRIES, make_rendition
from studio.storage_audit import verify_storage
from tests.conftest import Cast
from tests.studio.api.conftest import Caller

pytestmark = pytest.mark.django_db


@pytest.fixture
def video(api: Caller, inputs: dict[str, str]) -> str:
    answer = api.post("renders", inputs)
    assert drive(answer.json()["id"]).state == RenderState.READY
    return str(answer.json()["id"])


def made(api: Caller, video: str, form: str) -> dict[str, Any]:
    answer = api.post(f"renders/{video}/outputs", {"format": form})
    assert answer.status_code == 201, answer.content
    make_rendition(Rendition.objects.get(render=video, format=form).pk)
    (found,) = (each for each in api.get(f"renders/{video}").json()["renditions"] if each["format"] == form)
    return dict(found)


def content(name: str) -> bytes:
    with default_storage.open(name) as file:
        return bytes(file.read())


def packets(data: bytes, kind: str) -> list[bytes]:
    with av.open(io.BytesIO(data)) as container:
        stream = next(stream for stream in container.streams if stream.type == kind)
        return [bytes(packet) for packet in container.demux(stream) if packet.size]


def test_a_mov_has_the_same_pictures_and_sound_in_another_container(api: Caller, video: str) -> None:
    found = made(api, video, "mov")
    assert (found["state"], found["output"], found["failure"]) == ("ready", "video.mov", None)
    row = Rendition.objects.get()
    data, original = content(row.file.name or ""), content(Render.objects.get(pk=video).video.name or "")
    assert data[4:12] == b"ftypqt  "
    assert (len(data), found["bytes"]) == (row.bytes, row.bytes)
    for kind in ("video", "audio"):
        assert packets(data, kind) == packets(original, kind)
    outputs = {output["kind"]: output["content_type"] for output in api.get(f"renders/{video}").json()["outputs"]}
    assert outputs["video.mov"] == "video/quicktime"
    assert api.get(f"renders/{video}/outputs/video.mov").status_code == 302


def test_a_webm_plays_as_long_with_sound(api: Caller, video: str) -> None:
    assert made(api, video, "webm")["state"] == "ready"
    with av.open(io.BytesIO(content(Rendition.objects.get().file.name or ""))) as container:
        names = [stream.codec_context.name for stream in container.streams]
        length_ms = (container.duration or 0) / 1000
    assert names in (["libvpx-vp9", "libopus"], ["vp9", "opus"])
    assert abs(length_ms - (Render.objects.get(pk=video).measured_ms or 0)) < 250


def test_a_gif_is_small_and_ends(api: Caller, video: str) -> None:
    assert made(api, video, "gif")["output"] == "preview.gif"
    row = Rendition.objects.get()
    with Image.open(io.BytesIO(content(row.file.name or ""))) as picture:
        length_ms = 0
        for number in range(getattr(picture, "n_frames", 1)):
            picture.seek(number)
            length_ms += int(picture.info["duration"])
        assert max(picture.size) <= SIDES[0]
    assert MAX_SECONDS * 900 <= length_ms <= MAX_SECONDS * 1000
    assert (row.bytes or 0) < 4_000_000


def test_a_preview_of_what_is_no_video_says_so(tmp_path: Path) -> None:
    (source := tmp_path / "video.mp4").write_bytes(b"nothing of the kind" * 100)
    with pytest.raises(judge.ConversionFailed):
        judge.preview(source, tmp_path / "preview.gif", owner="nobody")


def test_each_has_its_papers_and_its_bytes_are_counted(api: Caller, video: str, cast: Cast) -> None:
    for form in ("mov", "webm", "gif"):
        made(api, video, form)
    names = [row.file.name for row in Rendition.objects.all()]
    assert Papers.objects.filter(pk__in=names, failure="").count() == 3
    kinds = StoredFile.objects.filter(pk__in=names).values_list("kind", "state")
    assert set(kinds) == {(FileKind.RENDITION.value, FileState.KEPT.value)}
    assert verify_storage() == []


def test_asked_for_twice_it_is_made_once(api: Caller, video: str) -> None:
    made(api, video, "mov")
    first = Rendition.objects.get()
    again = api.post(f"renders/{video}/outputs", {"format": "mov"})
    assert (again.status_code, again.json()["state"], Rendition.objects.get().file) == (201, "ready", first.file)
    assert make_rendition(first.pk) is False


@pytest.mark.parametrize(("form", "code"), [("mp4", "rendition_is_video"), ("avi", "invalid_request")])
def test_what_cannot_be_is_refused(api: Caller, video: str, form: str, code: str) -> None:
    answer = api.post(f"renders/{video}/outputs", {"format": form})
    assert (answer.json()["code"], Rendition.objects.count()) == (code, 0)


def test_before_there_is_a_video_there_is_none_of_it(api: Caller, inputs: dict[str, str]) -> None:
    waiting = api.post("renders", inputs).json()["id"]
    answer = api.post(f"renders/{waiting}/outputs", {"format": "mov"})
    assert (answer.status_code, answer.json()["code"]) == (422, "rendition_without_video")


def test_what_fails_says_so_and_can_be_tried_again(api: Caller, video: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise make.ConversionFailed("The video could not be converted.")

    api.post(f"renders/{video}/outputs", {"format": "mov"})
    row = Rendition.objects.get()
    with monkeypatch.context() as patched:
        patched.setattr(make.judge, "convert", broken)
        for _ in range(MAX_TRIES + 1):
            make_rendition(row.pk)
            Rendition.objects.filter(pk=row.pk, file="", failure="").update(next_try_at=row.created_at)
    failed = api.get(f"renders/{video}").json()["renditions"]
    assert [(each["state"], each["failure"]) for each in failed] == [("failed", make.NOT_MADE)]
    assert made(api, video, "mov")["state"] == "ready"


def test_deleted_it_is_gone_alone(api: Caller, video: str, django_capture_on_commit_callbacks: Any) -> None:
    made(api, video, "mov")
    name = Rendition.objects.get().file.name or ""
    with django_capture_on_commit_callbacks(execute=True):
        assert api.ask("DELETE", f"renders/{video}/outputs/video.mov").status_code == 204
    assert (default_storage.exists(name), Papers.objects.filter(pk=name).exists()) == (False, False)
    assert api.ask("DELETE", f"renders/{video}/outputs/video.mov").status_code == 404
    assert api.ask("DELETE", f"renders/{video}/outputs/video").status_code == 404
    assert verify_storage() == []


def test_it_goes_with_its_video(api: Caller, video: str) -> None:
    made(api, video, "gif")
    name = Rendition.objects.get().file.name or ""
    render = Render.objects.get(pk=video)
    Render.objects.filter(pk=video).update(delete_at=render.created_at)
    render.refresh_from_db()
    assert delete_if_due(render)
    assert (default_storage.exists(name), Rendition.objects.count()) == (False, 0)
    assert verify_storage() == []


def test_the_page_offers_makes_and_gives_them(api: Caller, cast: Cast, video: str) -> None:
    client, base = cast.browser(cast.alice), f"/w/{cast.workspace.slug}/videos/{video}/"
    assert "Make it" in client.get(base).content.decode()
    assert client.post(f"{base}formats/", {"format": "mov"}).headers["Location"] == f"{base}#formats"
    assert "Being made" in client.get(f"{base}formats/").content.decode()
    make_rendition(Rendition.objects.get().pk)
    assert f"{base}formats/mov" in client.get(f"{base}formats/").content.decode()
    assert client.get(f"{base}formats/mov").status_code == 302
    client.post(f"{base}formats/", {"no": "mov"})
    assert Rendition.objects.count() == 0


def test_a_stranger_gets_nothing(api: Caller, cast: Cast, video: str) -> None:
    made(api, video, "mov")
    client, base = cast.browser(cast.charlie), f"/w/{cast.workspace.slug}/videos/{video}/"
    for path, post in itertools.product((f"{base}formats/", f"{base}formats/mov"), (False, True)):
        assert (client.post(path, {"no": "mov"}) if post else client.get(path)).status_code == 404
