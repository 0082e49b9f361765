"""Each address of the gateway, asked by everybody else for what is Alice's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import URLPattern, URLResolver, reverse

from avatarsite.workspaces.models import Scope
from avatarsite.workspaces.tokens import make_token
from billing.ledger import posting
from billing.prices import price_book
from studio.gateway import stored_files, urls
from studio.gateway.intake import start_request
from studio.gateway.models import GatewayFile, GatewayRequest
from studio.models import Render
from studio.uploads.samples import add_samples
from tests.conftest import Cast

pytestmark = [pytest.mark.django_db]
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH")
# They hold nobody's secret: whoever has the link itself, or asks for what all may know.
FOR_EVERYBODY = {"gateway_video", "gateway_file", "gateway_fal_upload_signed", "gateway_fal_upload_signed_part",
                 "gateway_fal_upload_signed_complete", "gateway_fal_jwks", "gateway_aimlapi_models"}  # fmt: skip
# What a caller's own is, and so has no other's in it.
OF_THE_CALLER = {"gateway_aimlapi_balance", "gateway_fal_upload_token", "gateway_fal_initiate", "gateway_fal_upload",
                 "gateway_fal_multipart", "gateway_fal_initiate_multipart"}  # fmt: skip
NO = {401, 403, 404, 405}
UPLOAD_TOKEN = "/compat/fal/rest/storage/auth/token?storage_type=fal-cdn-v3"


def names(entries: list[URLPattern | URLResolver]) -> Iterator[str]:
    for entry in entries:
        if isinstance(entry, URLResolver):
            yield from names(entry.url_patterns)
        else:
            yield entry.name or ""


GUARDED = sorted(set(names(urls.urlpatterns)) - FOR_EVERYBODY)


@dataclass(frozen=True)
class Things:
    """What Alice has here, and keys."""

    row: dict[str, GatewayRequest]
    file: GatewayFile
    coming: GatewayFile
    alice: str
    charlie: str

    def address(self, name: str) -> str:
        part = {"file_id": self.coming.pk, "name": self.coming.name, "upload_id": self.coming.pk.hex}
        asked = {"owner": "avatar-studio", "app": "draft", "request_id": self.row["fal"].reference}
        words = ("status", "stream", "result", "response", "cancel")
        fill: dict[str, dict[str, Any]] = {
            **{f"gateway_fal_{word}": asked for word in words},
            **{f"gateway_fal_{word}": {"model": "fal-ai/flux/dev"} for word in ("submit", "run")},
            "gateway_aimlapi_unknown": {"rest": "v2/nowhere"},
            "gateway_fal_multipart_part": {**part, "number": 1},
            "gateway_fal_multipart_complete": part,
        }
        query = {"gateway_aimlapi": f"?generation_id={self.row['aimlapi'].reference}"}
        query["gateway_fal_initiate"] = query["gateway_fal_upload_token"] = "?storage_type=fal-cdn-v3"
        return reverse(name, kwargs=fill.get(name)) + query.get(name, "")

    @property
    def secrets(self) -> set[str]:
        """What an answer to somebody else may not have in it, but for what they have asked with."""
        return {str(render.pk) for render in Render.objects.all()} | {self.file.name, "a face"}


@pytest.fixture
def things(cast: Cast) -> Things:
    price_book.seed_prices()
    theirs = cast.charlie.workspaces.get()
    for workspace in (cast.workspace, theirs):
        posting.grant(workspace, 5_000_000, key=f"tenancy:{workspace.pk}", reason="a test")
    alice, key = make_token(cast.workspace, user=cast.alice, name="Alice's", scopes=list(Scope))
    charlie = make_token(theirs, user=cast.charlie, name="Charlie's", scopes=list(Scope))[1]
    portrait, voice = add_samples(cast.workspace)
    rows = {}
    for protocol, reference in (("runware", str(uuid4())), ("fal", str(uuid4())), ("aimlapi", f"{uuid4()}:draft")):
        row = GatewayRequest.objects.create(
            workspace=cast.workspace, token=alice, protocol=protocol, reference=reference, model="avatar-studio/draft",
            portrait=portrait, voice=voice, next_try_at="2026-01-01T00:00Z",
            params={"model": "draft", "prompt": "", "options": {}, "fallback": True},
        )  # fmt: skip
        start_request(row.pk)
        rows[protocol] = row
    file = stored_files.new_file(cast.workspace, name="face.jpg", content_type="image/jpeg")
    stored_files.keep(file, ContentFile(b"a face"))
    return Things(
        rows, file, stored_files.new_file(cast.workspace, name="voice.mp3", content_type="audio/mpeg"), key, charlie
    )


def hers() -> list[Any]:
    """All of Alice's that a stranger could have changed."""
    mine = {"workspace__members__email": "alice@example.org"}
    tables = (Render.objects, GatewayRequest.objects, GatewayFile.objects)
    return [list(table.filter(**mine).order_by("pk").values()) for table in tables]


def answered(method: str, address: str, key: str, body: Any = None) -> tuple[int, bytes]:
    scheme = "Key" if "/fal/" in address and "/cdn/" not in address else "Bearer"
    headers = {"Authorization": f"{scheme} {key}"} if key else {}
    text = json.dumps(body if body is not None else {"file_name": "x.mp3", "parts": []})
    answer = Client(headers=headers).generic(method, address, text, content_type="application/json")
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
    return answer.status_code, content


@pytest.mark.parametrize("name", GUARDED)
@pytest.mark.parametrize("key", ["", "ast_live_" + "x" * 40], ids=["no key", "a made-up key"])
def test_nobody_gets_in_without_a_live_key(name: str, key: str, things: Things) -> None:
    before = hers()
    found = {method: answered(method, things.address(name), key)[0] for method in METHODS}
    # An array of tasks is read before its first names the key.
    assert set(found.values()) <= {401, 404, 405} | ({400} if name == "gateway_runware" and not key else set())
    assert hers() == before


@pytest.mark.parametrize("name", GUARDED)
def test_a_stranger_finds_nothing_of_alices(name: str, things: Things) -> None:
    before = hers()
    for method in METHODS:
        key = things.charlie
        if "/cdn/" in things.address(name):
            key = json.loads(answered("POST", UPLOAD_TOKEN, key)[1])["token"]
        status, content = answered(method, things.address(name), key)
        assert status in NO | {400} or name in OF_THE_CALLER
        assert not any(secret in content.decode() for secret in things.secrets)
    assert hers() == before


@pytest.mark.parametrize(
    ("name", "method", "status"),
    [
        ("gateway_fal_status", "GET", 202),
        ("gateway_fal_result", "GET", 400),
        ("gateway_fal_response", "GET", 400),
        ("gateway_fal_cancel", "PUT", 200),
        ("gateway_aimlapi", "GET", 200),
    ],
)
def test_alice_does(name: str, method: str, status: int, things: Things) -> None:
    assert answered(method, things.address(name), things.alice)[0] == status
    assert answered(method, things.address(name), things.charlie)[0] == 404


@pytest.mark.parametrize("kind", ["getResponse", "getTaskDetails", "mediaStorage"])
def test_a_strangers_task_finds_nothing_of_alices(kind: str, things: Things) -> None:
    before = hers()
    task = {
        "taskType": kind,
        "taskUUID": things.row["runware"].reference,
        "operation": "delete",
        "media": things.file.pk,
    }
    body = [{name: str(value) for name, value in task.items()}]
    status, content = answered("POST", "/compat/runware/v1", things.charlie, body)
    assert (status, json.loads(content)) in [(200, {"data": []}), (404, json.loads(content))]
    assert (hers(), "videoInference" in content.decode()) == (before, False)
    assert answered("POST", "/compat/runware/v1", things.alice, body)[0] == 200
