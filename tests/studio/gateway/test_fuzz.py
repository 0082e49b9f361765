"""Whatever is sent to a door is answered in its protocol's own words, and never by breaking down."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from avatarsite.workspaces.models import Scope, User, Workspace
from avatarsite.workspaces.tokens import make_token
from billing.prices import price_book
from studio.gateway.model_names import DRAFTS
from studio.gateway.models import GatewayRequest, Protocol

pytestmark = [pytest.mark.django_db]
bounded = settings(
    max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

UUID = str(uuid4())
RUNWARE, FAL, AIMLAPI = (
    "/compat/runware/v1",
    f"/compat/fal/{DRAFTS[Protocol.FAL]}",
    "/compat/aimlapi/v2/video/generations",
)
TASKS: dict[str, dict[str, Any]] = {
    "videoInference": {
        "model": DRAFTS[Protocol.RUNWARE],
        "inputs": {"image": "https://a.example/a.jpg", "audio": "https://a.example/a.mp3"},
        "positivePrompt": "Warmly.", "outputType": "URL", "outputFormat": "MP4", "outputQuality": 60,
        "webhookURL": "https://a.example/hook", "deliveryMethod": "async", "uploadEndpoint": "https://a.example/put",
        "safety": {"checkContent": False, "mode": "none"}, "ttl": 60, "includeCost": True, "numberResults": 2,
    },
    "getResponse": {}, "getTaskDetails": {}, "ping": {"ping": True}, "authentication": {"apiKey": "nobody"},
    "mediaStorage": {"operation": "upload", "media": "data:image/png;base64,AAAA"},
    "imageUpload": {"image": "AAAA"},
    "accountManagement": {"operation": "getDetails"},
}  # fmt: skip
INPUTS = {"image_url": "https://a.example/a.jpg", "audio_url": "https://a.example/a.mp3", "prompt": "."}

texts = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["", "\x00", "\ud800", "http://[", "http://a:99999999/", "https://", "data:", "data:,",
                     "data:;base64", "https://127.0.0.1/", "x" * 5_000, UUID, UUID.upper(), "AAAA", "../../x", "https://a.example/\x00"]),
)  # fmt: skip
numbers = st.one_of(st.integers(), st.sampled_from([10**400, -1, 0, 1e300, float("nan"), float("inf")]), st.floats())
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda under: st.one_of(st.lists(under, max_size=4), st.dictionaries(texts, under, max_size=4)),
    max_leaves=8,
)


def changed(right: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A right request with some of it left out, replaced or added."""
    replaced = st.dictionaries(st.one_of(st.sampled_from(sorted(right) or [""]), texts), values, max_size=3)
    left_out = st.sets(st.sampled_from(sorted(right) or [""]), max_size=1)
    return st.builds(
        lambda new, out: {name: value for name, value in (right | new).items() if name not in out}, replaced, left_out
    )


def written(body: Any, *, plain: bool) -> bytes:
    return json.dumps(body, ensure_ascii=plain).encode("utf-8", "surrogatepass")


@pytest.fixture
def post(workspace: Workspace, alice: User, settings: Any) -> Callable[..., Any]:
    price_book.seed_prices()
    settings.API_READS_PER_MINUTE = settings.API_WRITES_PER_MINUTE = 0
    secret = make_token(workspace, user=alice, name="The client", scopes=list(Scope))[1]
    client = Client(headers={"Authorization": f"Bearer {secret}"})

    def ask(path: str, body: bytes = b"", method: str = "POST", **headers: str) -> Any:
        answer = client.generic(method, path, body, content_type="application/json", headers=headers)
        assert answer.status_code < 500 or answer.status_code == 503, answer.content
        assert b"Traceback" not in answer.content
        return json.loads(answer.content)

    return ask


@bounded
@given(data=st.data(), plain=st.booleans())
@pytest.mark.parametrize("kind", TASKS)
def test_runware_answers_whatever_task(
    post: Callable[..., Any], kind: str, data: st.DataObject, *, plain: bool
) -> None:
    right = {"taskType": kind, "taskUUID": UUID} | TASKS[kind]
    tasks = data.draw(st.lists(changed(right), min_size=1, max_size=2))
    body = post(RUNWARE, written(tasks, plain=plain))
    assert body.keys() <= {"data", "errors"}
    assert {"code", "message"} <= set.intersection({"code", "message"}, *map(set, body.get("errors", [])))


@bounded
@given(arguments=st.one_of(changed(INPUTS), values), plain=st.booleans())
def test_fal_answers_whatever_arguments(post: Callable[..., Any], arguments: Any, *, plain: bool) -> None:
    body = post(FAL, written(arguments, plain=plain))
    if "detail" not in body:
        result = post(f"/compat/fal/avatar-studio/draft/requests/{body['request_id']}", method="GET")
        assert result.keys() == {"detail"}


@bounded
@given(body=changed({"model": DRAFTS[Protocol.AIMLAPI], "provider": "auto", **INPUTS}), plain=st.booleans())
def test_aimlapi_answers_whatever_body(post: Callable[..., Any], body: Any, *, plain: bool) -> None:
    said = post(AIMLAPI, written(body, plain=plain))
    assert said.keys() in ({"id", "status", "meta"}, {"message", "path", "requestId", "statusCode", "timestamp"})


@bounded
@given(
    word=texts.filter(lambda text: "\ud800" not in text), header=st.text(st.characters(codec="latin-1"), max_size=20)
)
def test_no_address_and_no_header_breaks_a_door(post: Callable[..., Any], word: str, header: str) -> None:
    at = quote(word, safe="") or "x"
    post(f"/compat/fal/avatar-studio/draft/requests/{at}/status", method="GET")
    post(f"/compat/fal/avatar-studio/draft/requests/{at}/cancel", method="PUT")
    post(f"/compat/fal/{at}", b"{}")
    post(f"{FAL}?fal_webhook={at}", b"{}")
    post(f"{AIMLAPI}?generation_id={at}", method="GET")
    post(f"/compat/fal/platform/v1/models/pricing?endpoint_id={at}", method="GET")
    post(f"/compat/fal/rest/storage/upload/initiate?storage_type=gcs&x={at}", written({"file_name": word}, plain=True))
    for name in ("X-Fal-Request-Timeout", "X-Fal-Object-Lifecycle-Preference", "X-Fal-Store-IO", "Idempotency-Key"):
        post(FAL, json.dumps(INPUTS).encode(), **{name: header})


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b'"x"', b"\xff\xfe{}", b'{"image_url": "a\\u0000", "audio_url": "b"}', b'{"a": "\\ud800"}',
        b'{"a": "\xed\xa0\x80"}', b'{"a": NaN}', b'{"a": -Infinity}', b'{"a": 1e999}', b'{"a": ' + b"9" * 5_000 + b"}",
        '{"a": "\\u0000"}'.encode("utf-16"), b"[" * 100_000, b"[" * 900 + b"]" * 900, b"[" + b"0," * 200_000 + b"0]",
        b'{"a":' * 900 + b"1" + b"}" * 900,
    ],
    ids=lambda body: repr(body[:20]),
)  # fmt: skip
def test_no_bytes_break_a_door(post: Callable[..., Any], body: bytes) -> None:
    assert post(RUNWARE, body)["errors"][0]["code"] == "invalidRequestBody"
    assert post(AIMLAPI, body)["statusCode"] == 400
    assert post(FAL, body)["status"] == "IN_QUEUE"  # fal tells what is wrong with arguments as the result


def test_a_field_that_comes_twice_is_the_last(post: Callable[..., Any]) -> None:
    body = f'{{"image_url": 1, "image_url": "{INPUTS["image_url"]}", "audio_url": "{INPUTS["audio_url"]}"}}'
    post(FAL, body.encode())
    assert GatewayRequest.objects.get().body == {name: INPUTS[name] for name in ("image_url", "audio_url")}


def test_what_nobody_knows_does_not_fill_our_tables(post: Callable[..., Any]) -> None:
    much = {f"field {number}": ["x" * 3_000] * 40 for number in range(100)} | {"y" * 10_000: "z"}
    post(FAL, json.dumps(INPUTS | much).encode())
    row = GatewayRequest.objects.get()
    assert (len(json.dumps(row.body)) < 64_000, row.body) == (True, INPUTS)
