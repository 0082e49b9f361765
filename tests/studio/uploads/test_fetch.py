"""Media that come as an address or as text: fetched, measured, and never from where the public can't look."""

from __future__ import annotations

import base64
import gzip
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import quote

import brotli
import pytest
from backports import zstd

from avatarsite.workspaces.models import Workspace
from studio.media.errors import Refusal, UploadRefused
from studio.models import Upload, UploadKind
from studio.uploads.fetch import FileNotFetched, fetch_upload, inline_upload, is_address, read_data_uri
from studio.uploads.samples import PORTRAIT, VOICE
from tests.support.door import opened

pytestmark = pytest.mark.django_db(transaction=True)
KINDS = {"/face.jpg": UploadKind.PORTRAIT, "/voice.mp3": UploadKind.VOICE}
METADATA = "http://169.254.169.254/latest/meta-data/"


CODED: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", zstd.compress),
    "twice": ("gzip, gzip", lambda body: gzip.compress(gzip.compress(body))),
    "unsaid-twice": ("gzip", lambda body: gzip.compress(gzip.compress(body))),
    "said": ("gzip", lambda body: body),
    "cut": ("gzip", lambda body: gzip.compress(body)[:-9]),
    "bomb": ("gzip", lambda _: gzip.compress(bytes(300_000_000), 1)),
    "bombs": ("gzip, gzip", lambda _: gzip.compress(gzip.compress(bytes(300_000_000), 1), 1)),
}


class Shelf(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, headers, body = self.answer()
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.path == "/drip":
            self.drip()
        elif self.path != "/cut":
            with suppress(OSError):  # whoever has had enough hangs up
                self.wfile.write(body)

    def drip(self) -> None:
        with suppress(OSError):
            for _ in range(200):
                self.wfile.write(b"x")
                time.sleep(0.05)

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        files = {"/face.jpg": PORTRAIT, "/voice.mp3": VOICE}
        if self.path in files:
            return 200, {"Content-Type": "application/octet-stream"}, files[self.path].read_bytes()
        if self.path.startswith("/coded/"):
            _, _, way, name = self.path.split("/")
            label, pack = CODED[way]
            return 200, {"Content-Encoding": label}, pack(files[f"/{name}"].read_bytes())
        jumps = {
            "/to-face": "/face.jpg",
            "/to-metadata": METADATA,
            "/round": "/round",
            "/nowhere": "http://a:b/",
            "/bad-name": "https://xn--/",
        }
        if self.path in jumps:
            return 302, {"Location": jumps[self.path]}, b""
        if self.path == "/huge":
            return 200, {"Content-Length": "20000001"}, b"x"
        if self.path in ("/cut", "/drip"):
            return 200, {"Content-Length": "5000"}, b""
        return {"/busy": 503}.get(self.path, 404), {}, b""

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


shelf = partial(opened, Shelf)


@pytest.fixture
def source(settings: Any) -> Iterator[str]:
    with shelf() as url:
        settings.TRUSTED_MEDIA_SOURCES = [url]
        yield url


@pytest.mark.parametrize("path", KINDS)
def test_what_is_behind_an_address_becomes_an_upload(source: str, workspace: Workspace, path: str) -> None:
    first = fetch_upload(workspace, kind=KINDS[path], url=source + path)
    assert (first.workspace, first.kind, first.name) == (workspace, KINDS[path], path[1:])
    assert fetch_upload(workspace, kind=KINDS[path], url=source + path).pk == first.pk


def test_a_redirect_is_followed_within_what_is_trusted(source: str, workspace: Workspace) -> None:
    assert fetch_upload(workspace, kind=UploadKind.PORTRAIT, url=source + "/to-face").kind == UploadKind.PORTRAIT


@pytest.mark.parametrize(
    ("path", "sentence", "retryable"),
    [
        ("/lost", "127.0.0.1 answered 404", False),
        ("/busy", "127.0.0.1 answered 503", True),
        ("/cut", "could not be fetched from 127.0.0.1", True),
        ("/to-metadata", "The link to 169.254.169.254 is not followed: it does not lead to a public address.", False),
        ("/round", "it leads on more than 5 times", False),
        ("/nowhere", "The link to 127.0.0.1 is not followed: it leads to what is no address.", False),
        (
            "/bad-name",
            "The link to xn-- is not followed: a part of its host begins with xn--",
            False,
        ),
    ],
)
def test_an_address_that_gives_no_file_is_told_by_its_host(
    source: str, workspace: Workspace, path: str, sentence: str, retryable: bool
) -> None:
    with pytest.raises(FileNotFetched, match=sentence) as refused:
        fetch_upload(workspace, kind=UploadKind.VOICE, url=source + path)
    assert (refused.value.code, refused.value.retryable) == (Refusal.VOICE_UNREACHABLE, retryable)
    assert Upload.objects.count() == 0


@pytest.mark.parametrize("path", KINDS)
@pytest.mark.parametrize("way", ["gzip", "deflate", "br", "zstd", "twice", "unsaid-twice", "said"])
def test_a_host_that_compresses_whatever_is_asked_gives_the_file_all_the_same(
    source: str, workspace: Workspace, path: str, way: str
) -> None:
    plain = fetch_upload(workspace, kind=KINDS[path], url=source + path)
    assert fetch_upload(workspace, kind=KINDS[path], url=f"{source}/coded/{way}{path}").pk == plain.pk


@pytest.mark.parametrize("way", ["bomb", "bombs"])
def test_a_small_file_that_unpacks_to_a_huge_one_is_refused_at_the_limit(
    source: str, workspace: Workspace, way: str
) -> None:
    with pytest.raises(UploadRefused) as refused:
        fetch_upload(workspace, kind=UploadKind.PORTRAIT, url=f"{source}/coded/{way}/face.jpg")
    assert refused.value.code == Refusal.PORTRAIT_TOO_LARGE


def test_a_packed_file_that_is_cut_off_is_told_as_that(source: str, workspace: Workspace) -> None:
    with pytest.raises(FileNotFetched, match=r"can’t be read\. Its gzip coding breaks off before its end\."):
        fetch_upload(workspace, kind=UploadKind.PORTRAIT, url=f"{source}/coded/cut/face.jpg")


def test_a_host_that_drips_is_given_up_and_told_with_the_time(source: str, workspace: Workspace) -> None:
    started = time.monotonic()
    with pytest.raises(FileNotFetched, match=r"from 127\.0\.0\.1: It did not come within 1 seconds") as refused:
        fetch_upload(workspace, kind=UploadKind.PORTRAIT, url=source + "/drip", seconds=1)
    assert (refused.value.retryable, time.monotonic() - started < 9) == (True, True)  # it drips for ten


def test_too_large_a_file_is_refused_by_its_announced_length(source: str, workspace: Workspace) -> None:
    with pytest.raises(UploadRefused) as refused:
        fetch_upload(workspace, kind=UploadKind.PORTRAIT, url=source + "/huge")
    assert refused.value.code == Refusal.PORTRAIT_TOO_LARGE


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/face.jpg",
        "https://localhost/face.jpg",
        "http://[::1]/face.jpg",
        "http://10.0.0.1/face.jpg",
        "http://0x7f000001/face.jpg",
        "http://[::ffff:127.0.0.1]/face.jpg",
        "http://[64:ff9b::7f00:1]/face.jpg",
        METADATA,
        "http://me:pw@example.org/face.jpg",
        "ftp://example.org/face.jpg",
        "https://xn--/face.jpg",
        "https://a..example.org/face.jpg",
        "https://[fec0::1]/face.jpg",
        "http://",
        "https://example.org/" + "x" * 4000,
    ],
)
def test_nothing_is_fetched_from_where_the_public_cannot_look(workspace: Workspace, url: str) -> None:
    with pytest.raises(FileNotFetched) as refused:
        fetch_upload(workspace, kind=UploadKind.PORTRAIT, url=url)
    assert refused.value.retryable is False


def test_another_port_of_a_trusted_host_is_not_trusted(source: str, workspace: Workspace) -> None:
    with shelf() as other, pytest.raises(FileNotFetched, match="does not lead to a public address"):
        fetch_upload(workspace, kind=UploadKind.PORTRAIT, url=other + "/face.jpg")


FACE = PORTRAIT.read_bytes()
BASE64 = base64.b64encode(FACE).decode()


@pytest.mark.parametrize(
    "text",
    [
        f"data:image/jpeg;base64,{BASE64}",
        f"DATA:;BASE64,{BASE64}",
        BASE64,
        BASE64.rstrip("="),
        base64.urlsafe_b64encode(FACE).decode(),
        base64.encodebytes(FACE).decode(),
        "data:image/jpeg," + quote(FACE),
    ],
)
def test_a_file_that_is_spelt_out_is_read(text: str) -> None:
    assert read_data_uri(text, kind=UploadKind.PORTRAIT) == FACE


def test_a_file_that_is_spelt_out_becomes_an_upload(workspace: Workspace) -> None:
    upload = inline_upload(workspace, kind=UploadKind.PORTRAIT, text=BASE64)
    assert (upload.kind, upload.name) == (UploadKind.PORTRAIT, "portrait")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("data:image/jpeg;base64", Refusal.PORTRAIT_UNREADABLE),
        ("data:image/jpeg;base64,?", Refusal.PORTRAIT_UNREADABLE),
        ("not base64 at all!", Refusal.PORTRAIT_UNREADABLE),
        ("", Refusal.PORTRAIT_EMPTY),
        pytest.param("A" * 27_000_000, Refusal.PORTRAIT_TOO_LARGE, id="27 MB"),
    ],
)
def test_text_that_spells_no_file_is_refused(workspace: Workspace, text: str, code: Refusal) -> None:
    with pytest.raises(UploadRefused) as refused:
        inline_upload(workspace, kind=UploadKind.PORTRAIT, text=text)
    assert refused.value.code == code


def test_an_address_is_told_from_a_text() -> None:
    texts = ("HTTPS://a.example/x", "http://a", " \n https://a.example/x\t", "data:,x", BASE64)
    assert [is_address(text) for text in texts] == [True, True, True, False, False]


def test_white_space_around_an_address_is_no_part_of_it(source: str, workspace: Workspace) -> None:
    first = fetch_upload(workspace, kind=UploadKind.PORTRAIT, url=f" \n{source}/face.jpg\N{NO-BREAK SPACE}\r\n")
    assert first.name == "face.jpg"
