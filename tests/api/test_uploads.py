"""Portraits and voices by the API: as a form, spelt out, from an address, through a slot here and at a bucket."""

from __future__ import annotations

import base64
import hashlib
from copy import deepcopy
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.test import Client

from studio.models import Upload, UploadSlot
from studio.samples import PORTRAIT, VOICE
from tests.api.conftest import Caller
from tests.servers import S3Server
from tests.studio.test_remote_files import shelf

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
    file = Client().get(leads.headers["Location"])
    assert b"".join(file.streaming_content) == VOICE.read_bytes()


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
    monkeypatch.setattr("studio.api.uploads.MOST_BYTES", dict.fromkeys(("portrait", "voice"), 100))
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
    there["default"] = {"BACKEND": "studio.bucket.PrivateBucket", "OPTIONS": s3.storage_options}
    settings.STORAGES = there
    slot = api.post("uploads/slots", {"kind": "portrait"}).json()
    assert slot["url"].startswith(s3.endpoint_url)
    put = httpx.request(
        slot["method"], slot["url"], headers=slot["headers"], content=PORTRAIT.read_bytes(), trust_env=False
    )
    assert put.status_code == 200, put.text
    made = api.post(f"uploads/slots/{slot['id']}/complete")
    assert made.status_code == 201, made.content
    assert made.json()["sha256"] == hashlib.sha256(PORTRAIT.read_bytes()).hexdigest()
    assert UploadSlot.objects.get(pk=slot["id"]).upload_id == made.json()["id"]
