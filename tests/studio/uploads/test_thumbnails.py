from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.urls import reverse
from PIL import Image

from avatarsite.workspaces.models import Workspace
from studio.models import Upload, UploadKind
from studio.storage.types import content_type_of
from studio.uploads.add import add_upload, delete_upload
from studio.uploads.samples import PORTRAIT, VOICE
from studio.uploads.thumbnails import sweep_thumbnails
from tests.conftest import Cast
from tests.studio import shop

pytestmark = pytest.mark.django_db


@pytest.fixture
def house(cast: Cast) -> Workspace:
    return cast.workspace


def add(house: Workspace, data: bytes, name: str = "face.png") -> Upload:
    return add_upload(house, kind=UploadKind.PORTRAIT, file=ContentFile(data, name=name), name=name)


def noisy(width: int, height: int, form: str = "PNG", mode: str = "RGB") -> bytes:
    picture = Image.effect_noise((width, height), 80).convert(mode)
    picture.save(buffer := io.BytesIO(), form)
    return buffer.getvalue()


def seen(name: str) -> tuple[str | None, tuple[int, int]]:
    with default_storage.open(name) as file, Image.open(file) as image:
        return image.format, image.size


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (noisy(1600, 900), (400, 225)),
        (noisy(900, 1600, "JPEG"), (225, 400)),
        (noisy(320, 300, "WEBP", "RGBA"), (320, 300)),
        (noisy(1200, 1200, "GIF", "P"), (400, 400)),
        (PORTRAIT.read_bytes(), (400, 400)),
    ],
    ids=["PNG", "JPEG", "WebP", "GIF", "sample"],
)
def test_a_portrait_gets_a_webp_of_400_pixels_that_goes_with_it(
    house: Workspace, data: bytes, size: tuple[int, int], django_capture_on_commit_callbacks: Any
) -> None:
    upload = add(house, data)
    name = upload.details["thumbnail"]
    assert (seen(name), content_type_of(name)) == (("WEBP", size), "image/webp")
    assert default_storage.size(name) < 80_000
    with django_capture_on_commit_callbacks(execute=True):
        delete_upload(upload)
    assert not default_storage.exists(name)


def test_a_voice_has_none(house: Workspace) -> None:
    voice = add_upload(house, kind=UploadKind.VOICE, file=ContentFile(VOICE.read_bytes()), name="voice.mp3")
    assert "thumbnail" not in voice.details
    assert sweep_thumbnails() == 0


def test_the_sweep_makes_those_of_older_uploads_and_one_that_is_broken_stops_it_not(house: Workspace) -> None:
    older = add(house, noisy(800, 600))
    default_storage.delete(older.details.pop("thumbnail"))
    older.save()
    lost = shop.portrait_of(house, "lost.jpg")
    broken = shop.portrait_of(house, "broken.jpg")
    broken.file.save(broken.file.name, ContentFile(b"no picture"))
    assert [sweep_thumbnails(), sweep_thumbnails()] == [1, 0]
    older.refresh_from_db()
    assert seen(older.details["thumbnail"]) == ("WEBP", (400, 300))
    assert older.details["format"] == "PNG"
    assert [Upload.objects.get(pk=row.pk).details["thumbnail"] for row in (lost, broken)] == ["", ""]


def test_lists_show_thumbnails_and_what_has_none_yet_shows_itself(cast: Cast, house: Workspace) -> None:
    upload, bare = add(house, noisy(800, 600)), shop.portrait_of(house)
    owner = cast.browser(cast.alice)
    for name in ("uploads", "upload_choices"):
        page = owner.get(reverse(name, kwargs={"workspace": house.slug})).content.decode()
        assert f"/{upload.details['thumbnail']}" in page
        assert f"/{upload.file.name}" not in page
        assert f"/{bare.file.name}" in page
