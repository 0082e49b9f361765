"""Portraits and voices by the API: as a form, spelt out, from an address, through a slot here and at a bucket."""

from __future__ import annotations

import base64
import hashlib
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.test import Client
from django.utils import timezone

from studio.models import StoredFile, Upload, UploadSlot
from studio.storage.ledger import DELETE_SOMETHING, sweep_files
from studio.storage_audit import verify_storage
from studio.uploads.samples import PORTRAIT, VOICE
from tests.studio.api.conftest import Caller
from tests.studio.uploads.test_fetch import shelf
from tests.support.links import follow
from tests.support.servers import S3Server

pytestmark = pytest.mark.django_db

DATA_URI = "data:image/jpeg;base64," + base64.b64encode(PORTRAIT.read_bytes()).decode()


def sent(api: Caller, path: Path, kind: str, **headers: str) -> Any:
    client = Client(headers={"Authorization": f"Bearer {api.secret}", **headers})
    with path.open("rb") as file:
        return client.post("/api/v1/uploads", {"kind": kind, "file": file})


def test_a_form_becomes_an_upload_and_the_same_bytes_are_the_same_one(api: Caller) -> None:
    made = sent(api, PORTRAIT, "portrait")
    found = made.json()
    assert made.status_code == 201
    assert made.headers["Location"] == f"/api/v1/uploads/{found['id']}"
    assert found["sha256"] == hashlib.sha256(PORTRAIT.read_bytes()).hexdigest()
    assert (found["kind"], found["width"] > 0, found["duration_ms"]) == ("portrait", True, None)
    assert api.post("uploads", {"kind": "portrait", "data": DATA_URI}).json()["id"] == found["id"]
    assert Upload.objects.count() == 1
    assert api.get(f"uploads/{found['id']}").json() == found
    assert api.get("uploads?kind=voice").json()["data"] == []


@pytest.mark.parametrize("kind", ["portrait", "voice"])
def test_an_empty_file_is_refused_by_its_content(api: Caller, tmp_path: Path, kind: str) -> None:
    (tmp_path / "empty").touch()
    refused = sent(api, tmp_path / "empty", kind)
    assert (refused.status_code, refused.json()["code"]) == (422, f"{kind}_empty")


def test_a_form_with_a_key_is_taken_once(api: Caller) -> None:
    first, again = (sent(api, VOICE, "voice", **{"Idempotency-Key": "v"}) for _ in range(2))
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert again.headers["Idempotency-Replayed"] == "true"
    other = sent(api, PORTRAIT, "portrait", **{"Idempotency-Key": "v"})
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({"kind": "portrait"}, 422, "one_source", "url"),
        ({"kind": "portrait", "url": "https://a.example", "data": "x"}, 422, "one_source", "url"),
        ({"kind": "portrait", "url": "http://127.0.0.1:1/face.jpg"}, 422, "portrait_unreachable", "portrait"),
        ({"kind": "portrait", "url": "https://xn--/face.jpg"}, 422, "portrait_unreachable", "portrait"),
        ({"kind": "portrait", "url": "https://127.0.0.1./face.jpg"}, 422, "portrait_unreachable", "portrait"),
        ({"kind": "portrait", "url": "file:///etc/passwd"}, 422, "portrait_unreachable", "portrait"),
        ({"kind": "hat", "data": DATA_URI}, 400, "invalid_request", "kind"),
        ({"kind": "voice", "data": DATA_URI}, 422, "voice_not_a_sound", "voice"),
    ],
)
def test_what_is_no_upload(api: Caller, body: dict[str, str], status: int, code: str, field: str) -> None:
    answer = api.post("uploads", body)
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["field"]) == (status, code, field), problem
    assert not Upload.objects.exists()


def test_what_an_address_gives_becomes_an_upload(api: Caller, settings: Any) -> None:
    with shelf() as source:
        settings.TRUSTED_MEDIA_SOURCES = [source]
        made = api.post("uploads", {"kind": "portrait", "url": f"{source}/face.jpg"})
    found = made.json()
    assert (made.status_code, found["kind"], found["name"]) == (201, "portrait", "face.jpg")
    assert found["sha256"] == hashlib.sha256(PORTRAIT.read_bytes()).hexdigest()


def test_the_stored_file_is_behind_a_link_that_needs_no_token(api: Caller) -> None:
    pk = sent(api, VOICE, "voice").json()["id"]
    leads = api.get(f"uploads/{pk}/file", Accept="audio/*")
    assert leads.status_code == 302
    assert follow(Client(), leads.headers["Location"]).content == VOICE.read_bytes()


def test_a_slot_takes_bytes_at_its_own_address_and_becomes_an_upload(api: Caller) -> None:
    slot = api.post("uploads/slots", {"kind": "voice", "name": "talk.mp3"}).json()
    assert (slot["method"], slot["max_bytes"] > 0) == ("PUT", True)
    empty = api.post(f"uploads/slots/{slot['id']}/complete")
    assert (empty.status_code, empty.json()["code"]) == (422, "slot_empty")
    path = slot["url"].removeprefix("http://127.0.0.1:8000")
    bytes_sent = Client().put(path, VOICE.read_bytes(), content_type="application/octet-stream")
    assert (bytes_sent.status_code, bytes_sent.content) == (204, b"")
    made, again = (api.post(f"uploads/slots/{slot['id']}/complete") for _ in range(2))
    assert (made.status_code, made.json()["name"], again.json()) == (201, "talk.mp3", made.json())
    gone = Client().put(path, b"more", content_type="application/octet-stream")
    assert (gone.status_code, gone.json()["code"]) == (404, "slot_gone")


def test_a_slot_takes_no_more_than_it_says(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.api.uploads.MAX_BYTES", dict.fromkeys(("portrait", "voice"), 100))
    path = api.post("uploads/slots", {"kind": "voice"}).json()["url"].removeprefix("http://127.0.0.1:8000")
    answer = Client().put(path, b"x" * 101, content_type="application/octet-stream")
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert Client().get(path).json()["code"] == "method_not_allowed"
    assert Client().put(path + "x", b"").json()["code"] == "slot_gone"


@pytest.mark.xdist_group("s3")
def test_a_slot_at_a_bucket_is_presigned_and_the_bytes_go_straight_there(
    api: Caller, s3: S3Server, settings: Any
) -> None:
    there = deepcopy(settings.STORAGES)
    there["default"] = {"BACKEND": "studio.storage.s3.PrivateBucket", "OPTIONS": s3.storage_options}
    settings.STORAGES = there
    size = PORTRAIT.stat().st_size
    slot = api.post("uploads/slots", {"kind": "portrait", "bytes": size}).json()
    assert (slot["url"].startswith(s3.endpoint_url), slot["max_bytes"]) == (True, size)
    assert api.get("storage").json()["used_bytes"] == size

    def put(content: bytes, **headers: str) -> int:
        sent = slot["headers"] | headers
        return httpx.request(slot["method"], slot["url"], headers=sent, content=content, trust_env=False).status_code

    larger = PORTRAIT.read_bytes() + b"x"
    assert put(larger, **{"Content-Length": str(size + 1)}) == 403
    assert api.post(f"uploads/slots/{slot['id']}/complete").json()["code"] == "slot_empty"
    assert put(PORTRAIT.read_bytes()) == 200
    made = api.post(f"uploads/slots/{slot['id']}/complete")
    assert made.status_code == 201, made.content
    assert made.json()["sha256"] == hashlib.sha256(PORTRAIT.read_bytes()).hexdigest()
    assert UploadSlot.objects.get(pk=slot["id"]).upload_id == made.json()["id"]
    # Its address takes the same again until it ends; until then that counts, and then it is cleared away.
    assert put(PORTRAIT.read_bytes()) == 200
    used = api.get("storage").json()["used_bytes"]
    assert (sweep_files(), used) == (0, sum(StoredFile.objects.values_list("bytes", flat=True)))
    StoredFile.objects.filter(kind="slot").update(touched_at=timezone.now() - timedelta(minutes=11))
    assert (sweep_files(), verify_storage()) == (1, [])
    assert api.get("storage").json()["used_bytes"] == used - size


@pytest.mark.xdist_group("s3")
def test_without_a_size_the_bytes_come_to_us_also_with_a_bucket(api: Caller, s3: S3Server, settings: Any) -> None:
    there = deepcopy(settings.STORAGES)
    there["default"] = {"BACKEND": "studio.storage.s3.PrivateBucket", "OPTIONS": s3.storage_options}
    settings.STORAGES = there
    slot = api.post("uploads/slots", {"kind": "portrait"}).json()
    path = slot["url"].removeprefix("http://127.0.0.1:8000")
    assert Client().put(path, PORTRAIT.read_bytes(), content_type="application/octet-stream").status_code == 204
    assert api.post(f"uploads/slots/{slot['id']}/complete").status_code == 201
    assert verify_storage() == []


@pytest.mark.usefixtures("local_files")
@pytest.mark.parametrize("size", [-1, 1])
def test_a_slot_here_takes_the_size_that_was_announced(api: Caller, size: int) -> None:
    announced = VOICE.stat().st_size
    slot = api.post("uploads/slots", {"kind": "voice", "bytes": announced}).json()
    path = slot["url"].removeprefix("http://127.0.0.1:8000")
    other = (VOICE.read_bytes() + b"x")[: announced + size]
    refused = Client().put(path, other, content_type="application/octet-stream")
    assert (refused.status_code, refused.json()["code"]) == (422, "slot_size")
    assert api.post(f"uploads/slots/{slot['id']}/complete").json()["code"] == "slot_empty"
    assert Client().put(path, VOICE.read_bytes(), content_type="application/octet-stream").status_code == 204
    assert api.post(f"uploads/slots/{slot['id']}/complete").status_code == 201
    assert api.get("storage").json() == {"used_bytes": announced, "quota_bytes": 10_000_000_000, "kept_days": None}


@pytest.mark.parametrize(
    ("size", "status", "code"),
    [(20_000_001, 422, "portrait_too_large"), (0, 400, "invalid_request"), ("1", 400, "invalid_request")],
)
def test_a_size_that_no_file_has_gets_no_slot(api: Caller, size: Any, status: int, code: str) -> None:
    answer = api.post("uploads/slots", {"kind": "portrait", "bytes": size})
    assert (answer.status_code, answer.json()["code"], UploadSlot.objects.count()) == (status, code, 0)


def test_without_room_every_door_says_what_to_do(api: Caller, settings: Any) -> None:
    open_before = api.post("uploads/slots", {"kind": "voice"}).json()
    settings.STORAGE_QUOTA_GB = 0.000001
    path = open_before["url"].removeprefix("http://127.0.0.1:8000")
    with shelf() as source:
        settings.TRUSTED_MEDIA_SOURCES = [source]
        answers = [
            sent(api, VOICE, "voice"),
            api.post("uploads", {"kind": "portrait", "data": DATA_URI}),
            api.post("uploads", {"kind": "portrait", "url": f"{source}/face.jpg"}),
            api.post("uploads/slots", {"kind": "voice", "bytes": 1_001}),
            Client().put(path, VOICE.read_bytes(), content_type="application/octet-stream"),
            api.post("renders", {"model": "draft", "portrait": DATA_URI, "voice": DATA_URI}),
        ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(413, "storage_full")] * 6
    assert {answer.json()["remedy"] for answer in answers} == {DELETE_SOMETHING}
    assert (StoredFile.objects.count(), api.get("storage").json()["used_bytes"]) == (0, 0)


@pytest.mark.usefixtures("local_files")
def test_a_full_workspace_can_complete_a_slot_that_has_its_room(api: Caller, settings: Any) -> None:
    size = VOICE.stat().st_size
    settings.STORAGE_QUOTA_GB = size / 1_000_000_000
    slot = api.post("uploads/slots", {"kind": "voice", "bytes": size}).json()
    full = api.post("uploads/slots", {"kind": "voice", "bytes": 1})
    assert (full.status_code, full.json()["code"]) == (413, "storage_full")
    path = slot["url"].removeprefix("http://127.0.0.1:8000")
    assert Client().put(path, VOICE.read_bytes(), content_type="application/octet-stream").status_code == 204
    assert api.post(f"uploads/slots/{slot['id']}/complete").status_code == 201
    assert api.get("storage").json() == {"used_bytes": size, "quota_bytes": size, "kept_days": None}


def test_too_many_bytes_in_a_minute_say_when(api: Caller, settings: Any) -> None:
    settings.STORAGE_GB_PER_MINUTE = 0.000001
    answer = api.post("uploads/slots", {"kind": "voice", "bytes": 1_001})
    assert (answer.status_code, answer.json()["code"]) == (429, "storage_too_fast")
    assert 0 < int(answer.headers["Retry-After"]) == answer.json()["retry_after_seconds"] <= 60
