"""The view behind a signed link: ranges as HTTP wants them, headers that let nothing run, sentences for dead links."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.http import HttpResponseBase
from django.test import Client, RequestFactory
from pytest_django import Settings

from studio.storage import serve
from studio.storage.local import signed_link
from studio.views import files as files_view
from tests.studio.conftest import use_storage

# The view asks no database, but the end of a response looks after the process's connections.
pytestmark = pytest.mark.django_db
NAME = "w/ws_1/renders/rnd_1/video.mp4"
DATA = bytes(range(256)) * 4
SIZE = len(DATA)


@pytest.fixture
def stored(media: Path) -> str:
    """A link to DATA."""
    default_storage.save(NAME, ContentFile(DATA))
    return signed_link(NAME)


def content(response: HttpResponseBase) -> bytes:
    return response.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_the_whole_file_comes_without_a_range(stored: str, client: Client) -> None:
    response = client.get(stored)
    assert (response.status_code, content(response)) == (200, DATA)
    assert response.headers["Content-Length"] == str(SIZE)
    assert response.headers["Accept-Ranges"] == "bytes"
    assert response.headers["Content-Type"] == "video/mp4"
    assert response.headers["Content-Disposition"] == 'inline; filename="video.mp4"'
    assert "Content-Range" not in response.headers


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-99", 0, 100),
        ("bytes=100-", 100, SIZE),
        ("bytes=0-", 0, SIZE),
        ("bytes=-1", SIZE - 1, SIZE),
        ("bytes=-100", SIZE - 100, SIZE),
        (f"bytes=-{SIZE + 5}", 0, SIZE),
        (f"bytes=1000-{SIZE + 5}", 1000, SIZE),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE),
        ("bytes=5-999999999999999999", 5, SIZE),
        ("Bytes=1-2", 1, 3),
        ("bytes = 1 - 2", 1, 3),
    ],
)
def test_a_range_is_answered_with_that_part(asked: str, start: int, end: int, stored: str, client: Client) -> None:
    response = client.get(stored, headers={"Range": asked})
    assert (response.status_code, content(response)) == (206, DATA[start:end])
    assert response.headers["Content-Range"] == f"bytes {start}-{end - 1}/{SIZE}"
    assert response.headers["Content-Length"] == str(end - start)


@pytest.mark.parametrize(
    "asked", [f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 1}", "bytes=-0", "bytes=999999999999999999-"]
)
def test_a_range_outside_the_file_is_refused_with_its_size(asked: str, stored: str, client: Client) -> None:
    response = client.get(stored, headers={"Range": asked})
    assert (response.status_code, content(response)) == (416, b"")
    assert response.headers["Content-Range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=5-4",
        "bytes=-",
        "bytes=a-b",
        "bytes=1-2,5-6",
        "items=1-2",
        "bytes",
        "",
        "bytes=--5",
        "bytes=1" + "0" * 30 + "-",
    ],
)
def test_what_is_no_single_range_gets_the_whole_file(asked: str, stored: str, client: Client) -> None:
    response = client.get(stored, headers={"Range": asked})
    assert (response.status_code, content(response)) == (200, DATA)


def test_if_range_gives_the_part_only_of_the_same_file(stored: str, client: Client) -> None:
    whole = client.get(stored)
    etag, modified = whole.headers["ETag"], whole.headers["Last-Modified"]
    whole.close()
    for condition, status in [
        (etag, 206),
        (modified, 206),
        ('"another"', 200),
        (f"W/{etag}", 200),
        (format_datetime(datetime(2020, 1, 1, tzinfo=UTC), usegmt=True), 200),
    ]:
        response = client.get(stored, headers={"Range": "bytes=1-2", "If-Range": condition})
        assert (response.status_code, content(response)) == (status, DATA[1:3] if status == 206 else DATA)


def test_a_known_file_is_not_sent_again(stored: str, client: Client) -> None:
    whole = client.get(stored)
    etag, modified = whole.headers["ETag"], whole.headers["Last-Modified"]
    whole.close()
    for header in ({"If-None-Match": etag}, {"If-Modified-Since": modified}, {"If-None-Match": "*"}):
        response = client.get(stored, headers=header)
        assert (response.status_code, content(response)) == (304, b"")
        assert response.headers["ETag"] == etag
    assert client.get(stored, headers={"If-Match": '"another"'}).status_code == 412
    default_storage.save(NAME, ContentFile(b"new"))
    response = client.get(stored, headers={"If-None-Match": etag})
    assert (response.status_code, content(response)) == (200, b"new")


def test_head_tells_all_but_the_bytes(stored: str, client: Client) -> None:
    response = client.head(stored, headers={"Range": "bytes=1-2"})
    assert (response.status_code, content(response)) == (200, b"")
    assert response.headers["Content-Length"] == str(SIZE)
    assert response.headers["Accept-Ranges"] == "bytes"


def test_other_methods_are_not_allowed(stored: str, client: Client) -> None:
    assert client.post(stored).status_code == 405
    assert client.delete(stored).status_code == 405


def test_an_empty_file_is_served(media: Path, client: Client) -> None:
    default_storage.save(NAME, ContentFile(b""))
    link = signed_link(NAME)
    assert content(client.get(link)) == b""
    assert client.get(link, headers={"Range": "bytes=0-"}).status_code == 416


def test_nothing_in_a_file_can_run(media: Path, client: Client) -> None:
    script = b"<script>alert(1)</script>"
    for name, content_type in [
        ("w/ws_1/uploads/upl_1.jpg", "image/jpeg"),
        ("w/ws_1/uploads/upl_1.html", "application/octet-stream"),
        ("w/ws_1/uploads/upl_1.svg", "application/octet-stream"),
    ]:
        default_storage.save(name, ContentFile(script))
        response = client.get(signed_link(name))
        assert content(response) == script
        assert response.headers["Content-Type"] == content_type
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        policy = response.headers["Content-Security-Policy"].split("; ")
        assert policy[0] == "default-src 'none'"
        assert policy[-1] == "sandbox allow-same-origin"  # and no allow-scripts
        attached = response.headers["Content-Disposition"].startswith("attachment")
        assert attached == (content_type == "application/octet-stream")


def test_a_download_gets_its_name(stored: str, client: Client) -> None:
    plain = client.get(signed_link(NAME, download_as="Welcome.mp4"))
    assert plain.headers["Content-Disposition"] == 'attachment; filename="Welcome.mp4"'
    odd = client.get(signed_link(NAME, download_as='Grü"ße\r\nX-Evil: 1.mp4'))
    assert odd.headers["Content-Disposition"] == "attachment; filename*=utf-8''Gr%C3%BC-%C3%9Fe%20X-Evil-%201.mp4"
    assert (content(plain), content(odd)) == (DATA, DATA)


def test_browsers_may_keep_a_file_until_its_link_ends(stored: str, client: Client, settings: Settings) -> None:
    response = client.get(signed_link(NAME, seconds=3600))
    response.close()
    private, age = response.headers["Cache-Control"].split(", max-age=")
    assert private == "private"
    assert 3540 <= int(age) <= 4500  # it ends at a quarter of an hour, and a slow machine reads it a while later
    assert "Vary" not in response.headers


def test_a_forged_link_is_not_found(stored: str, client: Client) -> None:
    for link in (stored.replace("video", "other"), stored.replace("/files/", "/files/f"), stored + "?as=x.mp4"):
        response = client.get(link)
        assert response.status_code == 404
        assert content(response).decode() == files_view.NOT_OURS
        assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert response.headers["Cache-Control"] == "no-store"


def test_an_ended_link_says_so(stored: str, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    link = signed_link(NAME, seconds=100)
    real = time.time()
    monkeypatch.setattr(files_view.time, "time", lambda: real + 126)
    response = client.get(link)
    assert response.status_code == 403
    assert content(response).decode() == files_view.ENDED


def test_a_deleted_file_is_not_found(stored: str, client: Client) -> None:
    default_storage.delete(NAME)
    response = client.get(stored)
    assert response.status_code == 404
    assert content(response).decode() == serve.GONE


def test_a_signed_name_still_cannot_leave_the_folder(media: Path, client: Client, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    token = signed_link("../secret").split("/")[2]
    response = files_view.file(RequestFactory().get("/"), token, "../secret")
    assert (response.status_code, content(response).decode()) == (404, serve.GONE)


def test_a_folder_is_no_file(stored: str, client: Client) -> None:
    assert client.get(signed_link("w/ws_1/renders")).status_code == 404


def test_after_a_move_to_a_bucket_old_links_end_in_a_sentence(stored: str, client: Client, settings: Settings) -> None:
    use_storage(settings, "studio.storage.s3.PrivateBucket", {"bucket_name": "b", "access_key": "k", "secret_key": "s"})
    response = client.get(stored)
    assert (response.status_code, content(response).decode()) == (404, serve.GONE)


def test_a_large_file_is_sent_in_pieces_and_closed(media: Path, client: Client) -> None:
    data = os.urandom(3 * serve.CHUNK_BYTES + 17)
    default_storage.save(NAME, ContentFile(data))
    response = client.get(signed_link(NAME), headers={"Range": "bytes=5-"})
    pieces = list(response.streaming_content)  # type: ignore[attr-defined]
    assert b"".join(pieces) == data[5:]
    assert max(len(piece) for piece in pieces) == serve.CHUNK_BYTES
    response.close()


def test_a_file_is_closed_when_nobody_reads_it(stored: str) -> None:
    """A browser that seeks lets go of most answers; an unclosed file would fail this test by a ResourceWarning."""
    token, name = stored.removeprefix("/files/").split("/", 1)
    response = files_view.file(RequestFactory().get("/"), token, name)
    response.close()
    assert response.status_code == 200
