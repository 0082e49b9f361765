"""Where files live: on this machine and in a real bucket, behind links that end and that stay the same for a while."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from botocore.awsrequest import AWSResponse
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.utils.module_loading import import_string
from pytest_django import Settings

from avatarsite.workspaces.models import Workspace
from studio.models import UploadKind
from studio.storage import local, types
from studio.storage.local import PrivateFiles, link_expires, place_of, signed_link, store_file
from studio.storage.s3 import PrivateBucket
from studio.storage.types import content_type_of
from studio.uploads.add import add_upload
from tests.corpus import pictures, sounds
from tests.studio.conftest import files_in, use_storage
from tests.support.servers import S3Server

NAME = "w/ws_1/renders/rnd_1/video.mp4"
HOUR = 3600


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time as the storage sees it, in its only element; it starts at the beginning of a quarter of an hour."""
    now = [1_795_255_200.0]
    monkeypatch.setattr(types.time, "time", lambda: now[0])
    return now


@pytest.fixture
def bucket(s3: S3Server, settings: Settings) -> S3Server:
    """Stored files go to a real bucket."""
    use_storage(settings, "studio.storage.s3.PrivateBucket", dict(s3.storage_options))
    return s3


def parts(link: str) -> tuple[str, str, str]:
    """Token, name and download name of a link to this site."""
    address = urlsplit(link)
    _, files, token, name = address.path.split("/", 3)
    assert files == "files"
    return token, name, parse_qs(address.query).get("as", [""])[0]


def test_a_link_tells_when_it_ends_and_only_we_can_make_one(media: Path, clock: list[float]) -> None:
    token, name, download_as = parts(signed_link(NAME, seconds=HOUR))
    assert (name, download_as) == (NAME, "")
    assert link_expires(token, name, download_as) == clock[0] + HOUR + HOUR / 4
    stamp, _, signature = token.partition(".")
    forgeries = [
        (token, NAME + "x", ""),
        (token, NAME, "other.mp4"),
        (f"{int(stamp, 16) + 1:x}.{signature}", NAME, ""),
        (f"{stamp}.{'A' * len(signature)}", NAME, ""),
        (f"{stamp}.", NAME, ""),
        (stamp, NAME, ""),
        ("", NAME, ""),
        (f"-{stamp}.{signature}", NAME, ""),
        (f"{stamp}\n.{signature}", NAME, ""),
    ]
    assert [link_expires(*forgery) for forgery in forgeries] == [None] * len(forgeries)


def test_a_link_with_a_download_name_is_bound_to_it(media: Path) -> None:
    token, name, download_as = parts(signed_link(NAME, download_as="Grüße / Spring.mp4"))
    assert download_as == "Grüße - Spring.mp4"
    assert link_expires(token, name, download_as) is not None
    assert link_expires(token, name, "") is None


def test_links_survive_a_change_of_the_secret_key(media: Path, settings: Settings) -> None:
    token, name, _ = parts(signed_link(NAME))
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another"
    assert link_expires(token, name, "") is not None
    settings.SECRET_KEY_FALLBACKS = []
    assert link_expires(token, name, "") is None


def test_a_link_stays_the_same_for_a_quarter_of_its_life(media: Path, clock: list[float]) -> None:
    first = signed_link(NAME, seconds=HOUR)
    clock[0] += HOUR / 4 - 1
    assert signed_link(NAME, seconds=HOUR) == first
    clock[0] += 1
    assert signed_link(NAME, seconds=HOUR) != first


def test_a_link_never_lives_shorter_than_asked(media: Path, clock: list[float]) -> None:
    for late in (0, 1, 449, 899):
        clock[0] = 1_795_255_200.0 + late
        token, name, _ = parts(signed_link(NAME, seconds=HOUR))
        left = (link_expires(token, name, "") or 0) - clock[0]
        assert HOUR <= left <= HOUR * 5 / 4


def test_the_url_of_a_stored_file_is_its_link(media: Path, clock: list[float], settings: Settings) -> None:
    settings.FILE_LINK_SECONDS = HOUR
    assert default_storage.url(NAME) == signed_link(NAME, seconds=HOUR)


def test_stored_files_are_readable_by_us_alone(media: Path) -> None:
    default_storage.save(NAME, ContentFile(b"video"))
    assert stat.S_IMODE((media / NAME).stat().st_mode) == 0o640
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in media.rglob("*") if folder.is_dir()} == {0o750}


def test_storing_again_replaces_the_whole_file_at_once(media: Path) -> None:
    default_storage.save(NAME, ContentFile(b"the first and longer one"))
    with (media / NAME).open("rb") as reader:
        assert default_storage.save(NAME, ContentFile(b"second")) == NAME
        assert reader.read() == b"the first and longer one"
    assert (media / NAME).read_bytes() == b"second"
    assert files_in(media) == [NAME]


def test_a_failed_save_leaves_the_old_file_and_nothing_else(media: Path) -> None:
    class Broken(File[bytes]):
        def chunks(self, chunk_size: int | None = None) -> Any:  # noqa: ARG002
            yield b"half"
            raise OSError("the disk is full")

    default_storage.save(NAME, ContentFile(b"old"))
    with pytest.raises(OSError, match="the disk is full"):
        default_storage.save(NAME, Broken(None))
    assert (media / NAME).read_bytes() == b"old"
    assert files_in(media) == [NAME]


def test_a_finished_file_is_moved_in_and_not_copied(media: Path, tmp_path: Path) -> None:
    for content in (b"first", b"second"):
        made = tmp_path / "made.mp4"
        made.write_bytes(content)
        (media / NAME).parent.mkdir(parents=True, exist_ok=True)
        number = made.stat().st_ino
        assert store_file(made, NAME) == NAME
        stored = (media / NAME).stat()
        assert (stored.st_ino, stat.S_IMODE(stored.st_mode)) == (number, 0o640)
        assert (files_in(media), (media / NAME).read_bytes()) == ([NAME], content)


def test_a_finished_file_goes_into_a_folder_that_is_not_there_yet(media: Path, tmp_path: Path) -> None:
    made = tmp_path / "made.mp4"
    made.write_bytes(b"whole")
    assert store_file(made, NAME) == NAME
    assert (media / NAME).read_bytes() == b"whole"


def test_what_is_stored_is_on_the_disk_before_it_has_its_name(media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(default_storage, "durable", True)
    flushed: list[tuple[str, bool]] = []
    flush = local.flush

    def watched(path: Path) -> None:
        flush(path)
        flushed.append((path.suffix, (media / NAME).exists()))

    monkeypatch.setattr(local, "flush", watched)
    default_storage.save(NAME, ContentFile(b"whole"))
    assert flushed == [(".part", False), ("", True)]


def test_files_of_a_name_of_ours_have_its_type() -> None:
    assert content_type_of("w/ws_1/uploads/upl_1.webm") == "audio/webm"
    assert content_type_of("w/ws_1/renders/rnd_1/video.webm") == "video/webm"
    assert content_type_of("w/ws_1/renders/rnd_1/video.MOV") == "video/quicktime"
    assert content_type_of("anything.html") == "application/octet-stream"


def test_links_to_a_bucket_are_the_same_within_a_window_and_for_the_public_address(
    settings: Settings, clock: list[float]
) -> None:
    """Nothing listens there: making a link asks nobody."""
    options = {"bucket_name": "b", "access_key": "k", "secret_key": "s", "endpoint_url": "http://inside:1"}
    options |= {"public_endpoint_url": "https://files.example.com", "addressing_style": "path", "region_name": "eu-1"}
    use_storage(settings, "studio.storage.s3.PrivateBucket", options)
    first = signed_link(NAME, seconds=HOUR)
    assert first.startswith(f"https://files.example.com/b/{NAME}?X-Amz-Algorithm=AWS4-HMAC-SHA256&")
    query = {key: value[0] for key, value in parse_qs(urlsplit(first).query).items()}
    assert query["X-Amz-Expires"] == str(HOUR * 5 // 4)
    assert query["X-Amz-Date"] == "20261121T100000Z"
    assert "/eu-1/s3/" in query["X-Amz-Credential"]
    clock[0] += HOUR / 4 - 1
    assert signed_link(NAME, seconds=HOUR) == first
    clock[0] += 1
    assert signed_link(NAME, seconds=HOUR) != first


def test_no_link_to_a_bucket_lives_longer_than_s3_allows(settings: Settings) -> None:
    options = {"bucket_name": "b", "access_key": "k", "secret_key": "s"}
    use_storage(settings, "studio.storage.s3.PrivateBucket", options)
    query = parse_qs(urlsplit(signed_link(NAME, seconds=30 * 24 * HOUR)).query)
    assert int(query["X-Amz-Expires"][0]) <= 7 * 24 * HOUR


SIGNED = (hashlib.sha256(b"bytes").hexdigest(), "")
SUMMED = ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x-amz-checksum-crc32")


@pytest.mark.parametrize(("endpoint", "proof"), [("http://127.0.0.1:8333", SIGNED), ("https://s3.example", SUMMED)])
def test_a_body_that_is_signed_gets_no_checksum_beside_it(endpoint: str, proof: tuple[str, str]) -> None:
    ours = PrivateBucket(bucket_name="b", access_key="k", secret_key="s", endpoint_url=endpoint, region_name="r")
    sent: list[dict[str, bytes]] = []

    def keep(request: Any, **_: Any) -> AWSResponse:
        sent.append(dict(request.headers))
        return AWSResponse(request.url, 200, {"ETag": "one"}, SimpleNamespace(stream=lambda: [b""]))

    client = ours.bucket.meta.client
    client.meta.events.register("before-send.s3.PutObject", keep)
    client.put_object(Bucket="b", Key="x", Body=b"bytes")
    names = ("X-Amz-Content-SHA256", "X-Amz-Trailer")
    assert [tuple(one.get(name, b"").decode() for name in names) for one in sent] == [proof]


def test_a_bucket_can_be_copied_to_another_process() -> None:
    storage_of_ours = PrivateBucket(bucket_name="b", access_key="k", secret_key="s")
    before = storage_of_ours.signed_link(NAME, download_as="", seconds=HOUR)
    copy = PrivateBucket.__new__(PrivateBucket)
    copy.__setstate__(storage_of_ours.__getstate__())
    assert copy.signed_link(NAME, download_as="", seconds=HOUR) == before


@pytest.mark.process
@pytest.mark.xdist_group("s3")
@pytest.mark.django_db
def test_an_upload_goes_there_and_comes_back_by_its_link(bucket: S3Server, workspace: Workspace) -> None:
    data = sounds.wav(sounds.tone(3))
    upload = add_upload(workspace, kind=UploadKind.VOICE, file=ContentFile(data), name="hello.wav")
    answer = httpx.get(signed_link(upload.file.name))
    assert (answer.status_code, answer.content) == (200, data)
    assert answer.headers["content-type"] == "audio/wav"
    with default_storage.open(upload.file.name) as stored:
        assert stored.read() == data


@pytest.mark.process
@pytest.mark.xdist_group("s3")
@pytest.mark.django_db
def test_the_same_bytes_are_one_object(bucket: S3Server, workspace: Workspace) -> None:
    data = pictures.jpeg(320, 320)
    first = add_upload(workspace, kind=UploadKind.PORTRAIT, file=ContentFile(data), name="a.jpg")
    second = add_upload(workspace, kind=UploadKind.PORTRAIT, file=ContentFile(data), name="b.jpg")
    assert second == first
    stored = default_storage.listdir(f"w/{workspace.pk}/uploads")[1]
    assert sorted(stored) == [f"{first.pk}.jpg", f"{first.pk}.thumb.webp"]


@pytest.mark.process
@pytest.mark.xdist_group("s3")
def test_a_part_of_a_file_can_be_had(bucket: S3Server) -> None:
    data = os.urandom(300_000)
    default_storage.save(NAME, ContentFile(data))
    link = signed_link(NAME)
    answer = httpx.get(link, headers={"Range": "bytes=1000-1999"})
    assert (answer.status_code, answer.content) == (206, data[1000:2000])
    assert answer.headers["content-range"] == "bytes 1000-1999/300000"
    assert answer.headers["content-type"] == "video/mp4"
    assert httpx.get(link, headers={"Range": "bytes=-5"}).content == data[-5:]


@pytest.mark.process
@pytest.mark.xdist_group("s3")
def test_a_download_gets_its_name(bucket: S3Server) -> None:
    default_storage.save(NAME, ContentFile(b"video"))
    answer = httpx.get(signed_link(NAME, download_as="Grüße.mp4"))
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == "attachment; filename*=utf-8''Gr%C3%BC%C3%9Fe.mp4"


@pytest.mark.process
@pytest.mark.xdist_group("s3")
def test_without_its_link_a_file_is_private(bucket: S3Server, clock: list[float]) -> None:
    default_storage.save(NAME, ContentFile(b"video"))
    link = signed_link(NAME, seconds=HOUR)
    assert httpx.get(f"{bucket.endpoint_url}/{bucket.bucket}/{NAME}").status_code == 403
    assert httpx.get(link.replace("video.mp4", "other.mp4")).status_code == 403
    clock[0] -= 10 * HOUR
    assert httpx.get(signed_link(NAME, seconds=HOUR)).status_code == 403


@pytest.mark.process
@pytest.mark.xdist_group("s3")
def test_a_finished_file_is_taken_into_the_bucket(bucket: S3Server, tmp_path: Path) -> None:
    made = tmp_path / "made.mp4"
    made.write_bytes(b"whole")
    assert store_file(made, NAME) == NAME
    with default_storage.open(NAME, "rb") as stored:
        assert stored.read() == b"whole"


def test_storing_again_replaces_and_deleting_removes(bucket: S3Server) -> None:
    assert default_storage.save(NAME, ContentFile(b"first")) == NAME
    assert default_storage.save(NAME, ContentFile(b"second")) == NAME
    assert httpx.get(signed_link(NAME)).content == b"second"
    default_storage.delete(NAME)
    assert not default_storage.exists(NAME)
    assert httpx.get(default_storage.url(NAME)).status_code == 404


def test_where_a_file_is_can_be_told_of_a_bucket_and_of_a_folder(bucket: S3Server, tmp_path: Path) -> None:
    assert place_of(NAME) == f"s3://{bucket.bucket}/{NAME}"
    assert PrivateBucket(bucket_name="b", location="here").place(NAME) == f"s3://b/here/{NAME}"
    assert PrivateFiles(tmp_path).place(NAME) == str(tmp_path / NAME)


def test_the_settings_lead_to_these_classes(settings: Settings) -> None:
    backend = import_string(settings.STORAGES["default"]["BACKEND"])
    assert backend is (PrivateBucket if settings.S3_BUCKET else PrivateFiles)
    if settings.S3_BUCKET:
        assert PrivateBucket(**settings.STORAGES["default"]["OPTIONS"]).bucket_name == settings.S3_BUCKET
        return
    assert PrivateFiles(**settings.STORAGES["default"]["OPTIONS"]).location == str(settings.MEDIA_ROOT)
