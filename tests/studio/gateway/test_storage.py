"""fal's storage routes, where a client makes mistakes or means harm."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import timedelta
from hashlib import md5
from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from avatarsite.queue.sweeping import sweep_kind
from studio.gateway.models import GatewayFile
from studio.models import StoredFile
from studio.storage_audit import verify_storage
from tests.simulators import loopback
from tests.studio.gateway.conftest import Gateway

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


@pytest.mark.usefixtures("one_minute")
def test_uploads_count_among_what_a_token_may_write(uploader: Uploader, settings: Any) -> None:
    settings.API_WRITES_PER_MINUTE = 1
    answer = uploader.ask("POST", f"{uploader.cdn}/files/upload", content=b"hello")
    assert (answer.status_code, int(answer.headers["Retry-After"]) > 0) == (429, True)


@pytest.mark.parametrize("way", ["whole", "part"])
def test_a_file_has_a_limit(uploader: Uploader, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.gateway.stored_files.MAX_BYTES", 10)
    monkeypatch.setattr("studio.gateway.stored_files.PART_BYTES", 10)
    method, url = ("POST", f"{uploader.cdn}/files/upload") if way == "whole" else ("PUT", f"{uploader.address}/1")
    answer = uploader.ask(method, url, content=b"x" * 11)
    assert (answer.status_code, GatewayFile.objects.exclude(bytes=None).count()) == (413, 0)


@pytest.fixture
def full(uploader: Uploader, settings: Any) -> Uploader:
    """All that can be given out has been, and then there is no room."""
    settings.STORAGE_QUOTA_GB = 0.000001
    return uploader


def test_without_room_no_door_keeps_a_byte(full: Uploader, gateway: Gateway) -> None:
    begun = begin(gateway, "initiate")
    whole = full.put(1, b"x" * 600)
    key, many = {"Authorization": f"Key {gateway.key}"}, b"x" * 401
    task = {"taskType": "mediaStorage", "taskUUID": str(uuid4()), "operation": "upload"}
    spelt_out = {"media": "data:audio/mpeg;base64," + b64encode(many).decode()}
    runware = {"url": f"{gateway.url}/compat/runware/v1", "json": [task | spelt_out]}
    answers = [
        full.ask("POST", f"{full.cdn}/files/upload", content=many),
        full.ask("PUT", f"{full.address}/2", content=many),
        loopback.put(begun["upload_url"], content=many),
        loopback.post(**runware, headers={"Authorization": f"Bearer {gateway.key}"}),
    ]
    assert [answer.status_code for answer in answers] == [413] * 4
    for answer in answers[:3]:
        assert "Delete videos or uploads that you no longer need" in answer.json()["detail"]
    error = answers[3].json()["errors"][0]
    assert (error["code"], "no room for 401 bytes more" in error["message"]) == ("storageQuotaExceeded", True)
    # The part that is there becomes the file that it was begun for: it takes its own room.
    assert full.complete([whole]).status_code == 200
    assert [*StoredFile.objects.values_list("kind", "bytes")] == [("gateway", 600)]
    full.ask("POST", f"{full.cdn}/files/upload", content=b"x" * 400).raise_for_status()
    url = f"{gateway.url}/compat/fal/rest/storage/upload/initiate"
    assert loopback.post(url, json={"file_name": "a"}, headers=key).status_code == 413
    assert verify_storage() == []


def test_what_was_begun_and_left_goes(uploader: Uploader, gateway: Gateway) -> None:
    uploader.put(1, b"hello")
    begin(gateway, "initiate")
    assert (sweep_kind("begun_file"), StoredFile.objects.get().bytes) == (0, 5)
    GatewayFile.objects.update(created_at=timezone.now() - timedelta(days=1))
    assert (sweep_kind("begun_file"), GatewayFile.objects.count(), StoredFile.objects.count()) == (2, 0, 0)


def test_a_file_lives_for_a_month_at_most_and_is_told_so(uploader: Uploader) -> None:
    uploader.headers["X-Fal-Object-Lifecycle"] = '{"expiration_duration_seconds": 31536000}'
    answer = uploader.ask("POST", f"{uploader.cdn}/files/upload", content=b"hello")
    told = json.loads(answer.headers["X-Fal-Object-Lifecycle"])["expiration_duration_seconds"]
    days = (GatewayFile.objects.exclude(bytes=None).get().expires_at - timezone.now()) / timedelta(days=1)
    assert (round(told / 86_400), round(days)) == (30, 30)


# --- What the JavaScript clients, and older ones, do


def begin(gateway: Gateway, route: str, name: str = "voice.mp3", headers: dict[str, str] | None = None) -> Any:
    url = f"{gateway.url}/compat/fal/rest/storage/upload/{route}"
    body = {"file_name": name, "content_type": "audio/mpeg"}
    key = {"Authorization": f"Key {gateway.key}"}
    return loopback.post(url, json=body, headers=key | (headers or {})).raise_for_status().json()


@pytest.mark.parametrize("storage", ["", "?storage_type=gcs", "?storage_type=fal-cdn-v3"])
def test_a_place_for_a_file_needs_no_name_of_a_storage(gateway: Gateway, storage: str) -> None:
    begun = begin(gateway, f"initiate{storage}")
    assert loopback.put(begun["upload_url"], content=b"hello").status_code == 200
    assert loopback.get(begun["file_url"]).content == b"hello"


def parts_of(begun: Any) -> tuple[str, str]:
    address, _, query = begun["upload_url"].partition("?")
    return address, f"?{query}"


def test_a_large_file_comes_in_parts_without_a_key(gateway: Gateway) -> None:
    """As @fal-ai/client does above 90 MB: it reads a part's name in the end from the answer's body."""
    begun = begin(gateway, "initiate-multipart?storage_type=fal-cdn-v3")
    address, query = parts_of(begun)
    named = []
    for number, content in ((2, b"world"), (1, b"lost"), (1, b"hello ")):
        answer = loopback.put(f"{address}/{number}{query}", content=content).raise_for_status()
        assert answer.json()["etag"] == answer.headers["ETag"]
        named = [part for part in named if part["partNumber"] != number] + [answer.json()]
    first, again = (loopback.post(f"{address}/complete{query}", json={"parts": named}) for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 200)
    assert loopback.get(begun["file_url"]).content == b"hello world"
    assert loopback.put(f"{address}/1{query}", content=b"more").status_code == 404


def test_parts_are_taken_by_their_own_address_alone(gateway: Gateway) -> None:
    mine, other = (begin(gateway, "initiate-multipart") for _ in range(2))
    address, _ = parts_of(mine)
    _, query = parts_of(other)
    told = [
        loopback.put(f"{address}/1{query}", content=b"x").status_code,
        loopback.put(f"{address}/1", content=b"x").status_code,
        loopback.post(f"{address}/complete{query}", json={"parts": []}).status_code,
        loopback.put(f"{address}/33{parts_of(mine)[1]}", content=b"x").status_code,
        loopback.post(f"{address}/complete{parts_of(mine)[1]}", content=b"[").status_code,
    ]
    assert (told, GatewayFile.objects.exclude(bytes=None).count()) == ([403, 403, 403, 400, 422], 0)


@pytest.mark.parametrize("header", ["X-Fal-Object-Lifecycle", "X-Fal-Object-Lifecycle-Preference"])
def test_both_names_of_a_files_life_count(gateway: Gateway, header: str) -> None:
    begin(gateway, "initiate", headers={header: '{"expiration_duration_seconds": 3600}'})
    file = GatewayFile.objects.get()
    assert round((file.expires_at - file.created_at).total_seconds()) == 3_600


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("портрет.jpg", "портрет.jpg"),
        ("声音 1.mp3", "声音_1.mp3"),
        ("e\N{COMBINING ACUTE ACCENT}t\N{COMBINING ACUTE ACCENT}e.wav", "ét_e.wav"),
        ("🎤.mp3", "file.mp3"),
        ("C:\\Users\\me\\ü.png", "ü.png"),
        ("../../etc/passwd", "passwd"),
        ('a"b\r\nc?d#e%2F.jpg', "a_b_c_d_e_2F.jpg"),
        ("x" * 300 + ".jpg", "x" * 60 + ".jpg"),
    ],
)
def test_a_name_of_any_script_stays_and_its_link_works(gateway: Gateway, name: str, kept: str) -> None:
    begun = begin(gateway, "initiate", name)
    loopback.put(begun["upload_url"], content=b"hello").raise_for_status()
    assert begun["file_url"].isascii()
    assert (GatewayFile.objects.get().name, loopback.get(begun["file_url"]).content) == (kept, b"hello")


@pytest.mark.parametrize("header", ["портрет.jpg".encode(), b"%D0%BF%D0%BE%D1%80%D1%82%D1%80%D0%B5%D1%82.jpg"])
def test_a_name_in_a_header_is_read_as_it_was_meant(uploader: Uploader, header: bytes) -> None:
    uploader.headers |= {"X-Fal-File-Name": header}  # type: ignore[dict-item]
    link = uploader.ask("POST", f"{uploader.cdn}/files/upload", content=b"hello").json()["access_url"]
    assert GatewayFile.objects.exclude(bytes=None).get().name == "портрет.jpg"
    assert loopback.get(link).content == b"hello"


@pytest.mark.parametrize(("said", "shown"), [("image/jpg", "image/jpeg"), ("audio/mp3", "audio/mpeg")])
def test_a_type_by_its_other_name_is_that_type(uploader: Uploader, said: str, shown: str) -> None:
    uploader.headers |= {"Content-Type": f"{said}; charset=binary"}
    link = uploader.ask("POST", f"{uploader.cdn}/files/upload", content=b"hello").json()["access_url"]
    assert loopback.get(link).headers["Content-Type"] == shown
