"""fal's storage routes, where a client makes mistakes or means harm."""

from __future__ import annotations

from hashlib import md5
from typing import Any

import httpx
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from studio.gateway.models import GatewayFile
from tests.gateway.conftest import Gateway
from tests.simulators import loopback

pytest_plugins = ["tests.simulators.fixture"]
pytestmark = [pytest.mark.django_db(transaction=True)]


class Uploader:
    """A client with an upload token, and one file that is to come in parts."""

    def __init__(self, gateway: Gateway) -> None:
        self.cdn = f"{gateway.url}/compat/fal/cdn"
        url = f"{gateway.url}/compat/fal/rest/storage/auth/token?storage_type=fal-cdn-v3"
        token = loopback.post(url, json={}, headers={"Authorization": f"Key {gateway.key}"}).json()
        self.headers = {"Authorization": f"{token['token_type']} {token['token']}", "X-Fal-File-Name": "voice.mp3"}
        self.begun = self.ask("POST", f"{self.cdn}/files/upload/multipart").json()
        self.address = f"{self.begun['access_url']}/multipart/{self.begun['uploadId']}"

    def ask(self, method: str, url: str, **options: Any) -> httpx.Response:
        return loopback.request(method, url, headers=self.headers, **options)

    def put(self, number: int, content: bytes) -> dict[str, Any]:
        answer = self.ask("PUT", f"{self.address}/{number}", content=content).raise_for_status()
        return {"partNumber": number, "etag": answer.headers["ETag"]}

    def complete(self, parts: Any) -> httpx.Response:
        return self.ask("POST", f"{self.address}/complete", json={"parts": parts})


@pytest.fixture
def uploader(gateway: Gateway) -> Uploader:
    return Uploader(gateway)


def test_parts_become_a_file_whose_completion_may_be_asked_for_again(uploader: Uploader) -> None:
    parts = [uploader.put(number, content) for number, content in ((2, b"world"), (1, b"hello "))]
    first, again = uploader.complete(parts), uploader.complete(parts)
    assert (first.status_code, again.status_code, first.json()) == (200, 200, again.json())
    assert loopback.get(first.json()["access_url"]).content == b"hello world"


@pytest.mark.parametrize("number", ["../../../theirs", "1", True, 1.0, 0, 33, -1, None, [1]])
def test_a_part_is_named_by_its_number_alone(uploader: Uploader, number: Any) -> None:
    """A number is part of a name in the storage, and the parts of a file are deleted when it is whole."""
    default_storage.save("theirs", ContentFile(b"secret"))
    uploader.put(1, b"secret")
    etag = md5(b"secret", usedforsecurity=False).hexdigest()
    assert uploader.complete([{"partNumber": number, "etag": etag}]).status_code == 400
    assert (default_storage.exists("theirs"), GatewayFile.objects.get().bytes) == (True, None)


@pytest.mark.parametrize("parts", [[], {}, "1", [1], [{"partNumber": 1}], [{"partNumber": 1, "etag": "other"}]])
def test_parts_that_did_not_come_make_no_file(uploader: Uploader, parts: Any) -> None:
    uploader.put(1, b"hello")
    assert (uploader.complete(parts).status_code, GatewayFile.objects.get().bytes) == (400, None)


def test_uploads_count_among_what_a_token_may_write(uploader: Uploader, settings: Any) -> None:
    settings.API_WRITES_PER_MINUTE = 1
    answer = uploader.ask("POST", f"{uploader.cdn}/files/upload", content=b"hello")
    assert (answer.status_code, int(answer.headers["Retry-After"]) > 0) == (429, True)


@pytest.mark.parametrize("way", ["whole", "part"])
def test_a_file_has_a_limit(uploader: Uploader, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.gateway.put_here.MOST_BYTES", 10)
    monkeypatch.setattr("studio.gateway.put_here.PART_BYTES", 10)
    method, url = ("POST", f"{uploader.cdn}/files/upload") if way == "whole" else ("PUT", f"{uploader.address}/1")
    answer = uploader.ask(method, url, content=b"x" * 11)
    assert (answer.status_code, GatewayFile.objects.exclude(bytes=None).count()) == (413, 0)
