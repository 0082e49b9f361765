"""A body is read whole, or refused in the form of its door: at every door, however it is sent."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from studio.gateway.model_names import DRAFTS
from studio.gateway.models import Protocol
from tests.attacks.neighbour import spoken
from tests.studio.api.live import LiveApi
from tests.support.sites import ROOT

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("attacks")]

FAL = f"/compat/fal/{DRAFTS[Protocol.FAL]}"
INPUTS = {"image_url": "https://files.example.com/a.jpg", "audio_url": "https://files.example.com/a.mp3"}
TASK = {
    "taskType": "videoInference",
    "model": DRAFTS[Protocol.RUNWARE],
    "inputs": {"image": INPUTS["image_url"], "audio": INPUTS["audio_url"]},
}
COUNT = "from {module} import {name}\nprint(json.dumps({name}.objects.count()))"
ENTRY_POINTS = [
    "/api/v1/renders",
    "/hooks/stripe/",
    "/compat/runware/v1",
    "/compat/aimlapi/v2/video/generations",
    FAL,
    "/compat/fal/cdn/files/upload",
]


def headers(site: LiveApi, scheme: str = "Bearer") -> dict[str, str]:
    return {"Authorization": f"{scheme} {site.alice['test_token']}", "Content-Type": "application/json"}


def chunked(content: bytes) -> Iterator[bytes]:
    """As .NET's PostAsJsonAsync and many proxies send it: without a length."""
    for at in range(0, len(content), 7):
        yield content[at : at + 7]


def send(site: LiveApi, path: str, body: Any, *, method: str = "POST", **more: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    url = path if path.startswith("http") else site.address + path
    said = headers(site) | {name.replace("_", "-"): value for name, value in more.items()}
    return httpx.request(method, url, content=chunked(content), headers=said, timeout=30, trust_env=False)


def slot(site: LiveApi, kind: str = "portrait") -> tuple[str, str]:
    with site.client() as client:
        opened = client.post("/uploads/slots", json={"kind": kind}).raise_for_status().json()
    return opened["id"], opened["url"]


def uploader(site: LiveApi) -> str:
    url = f"{site.address}/compat/fal/rest/storage/auth/token?storage_type=fal-cdn-v3"
    return str(httpx.post(url, headers=headers(site, "Key"), json={}, trust_env=False).json()["token"])


def test_chunked_json_is_read_at_every_door(site: LiveApi) -> None:
    wish = {"portrait": site.alice["portrait"], "voice": site.alice["voice"]}
    assert send(site, "/api/v1/renders", wish).status_code == 201
    task = TASK | {"taskUUID": str(uuid4())}
    assert send(site, "/compat/runware/v1", [task]).json()["data"][0]["taskUUID"] == task["taskUUID"]
    created = send(site, "/compat/aimlapi/v2/video/generations", INPUTS | {"model": DRAFTS[Protocol.AIMLAPI]})
    assert created.json()["status"] == "queued", created.text
    assert send(site, FAL, INPUTS).json()["status"] == "IN_QUEUE"


def test_chunked_files_are_kept_whole(site: LiveApi) -> None:
    voice = next((ROOT / "samples").glob("*.mp3")).read_bytes()
    opened, url = slot(site, "voice")
    assert send(site, url, voice, method="PUT").status_code == 204
    with site.client() as client:
        # The same bytes are the same upload.
        assert client.post(f"/uploads/slots/{opened}/complete").json()["id"] == site.alice["voice"]
    sent = {"Authorization": f"Bearer {uploader(site)}", "Content_Type": "audio/mpeg", "X_Fal_File_Name": "a.mp3"}
    link = send(site, "/compat/fal/cdn/files/upload", voice, **sent).json()["access_url"]
    assert httpx.get(link, trust_env=False, follow_redirects=True).content == voice


def test_a_chunked_letter_is_filed_as_it_came(site: LiveApi) -> None:
    body = json.dumps({"id": "evt_chunked", "object": "event"}).encode()
    assert send(site, "/hooks/stripe/", body).text == "Filed.\n"
    newest = "print(json.dumps(bytes(InboundEvent.objects.latest('pk').body).decode()))"
    filed = f"from avatarsite.inbox.models import InboundEvent\n{newest}"
    assert site.site.ask(filed) == body.decode()


def test_a_chunked_form_signs_in(site: LiveApi) -> None:
    """The dashboard's forms, and the admin's, which are Django's own."""
    with httpx.Client(base_url=site.address, trust_env=False, follow_redirects=True, timeout=30) as browser:
        for path, name in (("/account/login/", "login"), ("/admin/login/", "username")):
            browser.get(path)
            form = {
                name: "nobody@example.org",
                "password": "wrong",
                "csrfmiddlewaretoken": browser.cookies["csrftoken"],
            }
            content = str(httpx.QueryParams(form)).encode()
            said = {"Content-Type": "application/x-www-form-urlencoded", "Referer": site.address + path}
            answer = browser.post(path, content=chunked(content), headers=said)
            assert answer.status_code == 200, answer.text  # without its body it has no token, and is 403


@pytest.mark.parametrize("path", ENTRY_POINTS)
def test_more_than_a_door_takes_is_refused_in_its_form_before_it_is_sent(site: LiveApi, path: str) -> None:
    said = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: 100-continue\r\nContent-Length: 140000000\r\n\r\n"
    answer = spoken(site.address, said.encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413 "), head
    assert in_its_form(path, body), body


def test_nobody_is_told_to_go_on_who_has_nothing_to_send(site: LiveApi) -> None:
    said = b"POST /hooks/fal/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    said += b"Expect: 100-continue\r\nContent-Length: 0\r\n\r\n"
    assert spoken(site.address, said).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("path", ENTRY_POINTS)
@pytest.mark.parametrize(
    "lines",
    ["Content-Length: 5\r\nTransfer-Encoding: chunked", "Content-Length: 5\r\nContent-Length: 6", "Content-Length: -1"],
)
def test_what_two_servers_may_read_differently_is_refused(site: LiveApi, path: str, lines: str) -> None:
    said = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{lines}\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    said += "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    answer = spoken(site.address, said.encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    assert (head.startswith(b"HTTP/1.1 400 "), answer.count(b"\r\nDate: ")) == (True, 1), answer
    assert in_its_form(path, body), body


@pytest.mark.parametrize("path", ENTRY_POINTS)
def test_a_compressed_body_is_refused_and_never_garbled(site: LiveApi, path: str) -> None:
    answer = send(site, path, gzip.compress(b"{}"), Content_Encoding="gzip")
    assert answer.status_code == 415
    assert in_its_form(path, answer.content), answer.text
    assert "gzip" in answer.text


def in_its_form(path: str, body: bytes) -> bool:
    if path.startswith("/hooks/"):
        return body.endswith(b".\n") and b"<" not in body
    said = json.loads(body)
    named = {"/api": "code", "/compat/runware": "errors", "/compat/aimlapi": "statusCode", "/compat/fal": "detail"}
    return next(name for door, name in named.items() if path.startswith(door)) in said


@pytest.mark.parametrize("path", [*ENTRY_POINTS, "slot"])
def test_an_empty_body_is_no_success(site: LiveApi, path: str) -> None:
    method, url = ("PUT", slot(site)[1]) if path == "slot" else ("POST", site.address + path)
    said = headers(site) | ({"Authorization": f"Bearer {uploader(site)}"} if "/cdn/" in path else {})
    answer = httpx.request(method, url, headers=said, content=b"", trust_env=False)
    if path == FAL:  # told as the result, as fal does
        state = httpx.get(answer.json()["response_url"], headers=said, trust_env=False)
        assert (state.status_code, state.json()["detail"][0]["type"]) == (422, "json_invalid")
    else:
        assert answer.status_code == 400, answer.text


def test_nothing_is_kept_of_what_was_not_sent_to_its_end(site: LiveApi) -> None:
    opened, url = slot(site)
    path = url.removeprefix(site.address)
    said = f"PUT {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5000\r\n\r\n{'x' * 400}"
    letters = COUNT.format(module="avatarsite.inbox.models", name="InboundEvent")
    before = site.site.ask(letters)
    spoken(site.address, said.encode(), hang_up=True)
    spoken(
        site.address,
        b"PUT %b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab" % path.encode(),
        hang_up=True,
    )
    letter = b"POST /hooks/stripe/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 900\r\n\r\n{}"
    spoken(site.address, letter, hang_up=True)
    with site.client() as client:
        assert client.post(f"/uploads/slots/{opened}/complete").json()["code"] == "slot_empty"
    assert site.site.ask(letters) == before


def form(site: LiveApi, name: bytes, *, cut: int = 0) -> bytes:
    with site.client() as client:
        portrait = client.get(f"/uploads/{site.alice['portrait']}/file", follow_redirects=True).content
    body = b'--b\r\nContent-Disposition: form-data; name="kind"\r\n\r\nportrait\r\n--b\r\n'
    body += b'Content-Disposition: form-data; name="file"; filename="%b"\r\nContent-Type: image/jpeg\r\n\r\n' % name
    body += portrait + name + b"\r\n--b--\r\n"  # behind a picture's end, so that each is another file
    return body[: len(body) - cut]


def test_a_form_that_was_cut_off_is_refused(site: LiveApi) -> None:
    for cut in (4, 8, 9, 5_000):
        answer = send(
            site, "/api/v1/uploads", form(site, b"a.jpg", cut=cut), Content_Type="multipart/form-data; boundary=b"
        )
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed_body")
        assert "cut off" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Müller – Porträt.jpg".encode("cp1252"), "Müller – Porträt.jpg"),
        ("Müller.jpg".encode(), "Müller.jpg"),
        (b"\x81\x8d.jpg", "��.jpg"),
        ("Портрет.jpg".encode("cp1251"), "Ïîðòðåò.jpg"),
    ],
    ids=["western", "utf-8", "nobody's", "cyrillic"],
)
def test_a_file_whose_name_is_in_another_code_page_is_taken(site: LiveApi, name: bytes, kept: str) -> None:
    answer = send(site, "/api/v1/uploads", form(site, name), Content_Type="multipart/form-data; boundary=b")
    assert (answer.status_code, answer.json().get("name")) == (201, kept), answer.text


SAYS = {
    "{": "line 1",
    "": "empty",
    "\ufeff[": "line 1",
    "[NaN]": "NaN",
    "[" * 100_000: "nested",
    '{"a": "\\ud800"}': "text",
}


@pytest.mark.parametrize("body", list(SAYS), ids=lambda body: repr(body[:12]))
@pytest.mark.parametrize("path", ["/compat/runware/v1", "/compat/aimlapi/v2/video/generations", FAL])
def test_a_door_says_what_is_wrong_with_json(site: LiveApi, path: str, body: str) -> None:
    answer = send(site, path, body.encode())
    if path == FAL:
        answer = httpx.get(answer.json()["response_url"], headers=headers(site), trust_env=False)
        assert answer.json()["detail"][0]["type"] == "json_invalid"
    assert SAYS[body] in answer.text
    assert answer.status_code in (400, 422)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/nothing", "/api/v1/renders/", "/api/nothing/",
        "/compat/aimlapi/v2/nothing", "/compat/aimlapi/v2/video/generations/", "/compat/aimlapi/", "/compat/aimlapi",
        "/compat/runware/v1/", "/compat/runware/v2", "/compat/runware",
        "/compat/fal/", "/compat/fal", "/compat/fal/rest/nothing/x/y/", "/compat/fal/cdn/", "/compat/fal/a//b/",
        "/compat/nothing", "/compat/",
    ],
)  # fmt: skip
def test_nothing_is_there_in_the_form_of_the_door(site: LiveApi, path: str, method: str) -> None:
    answer = httpx.request(method, site.address + path, headers=headers(site), trust_env=False, timeout=30)
    assert (answer.status_code, answer.headers["Content-Type"].split(";")[0].endswith("json")) == (404, True), (
        answer.text
    )
    json.loads(answer.content)


def test_a_method_that_an_address_does_not_take_is_told_in_its_form(site: LiveApi) -> None:
    for method, path, key in (
        ("POST", "/compat/fal/rest/.well-known/jwks.json", "detail"),
        ("PUT", "/compat/runware/v1", "errors"),
        ("DELETE", "/compat/aimlapi/v2/video/generations", "statusCode"),
        ("PUT", "/compat/aimlapi/v1/models", "statusCode"),
        ("POST", "/compat/aimlapi/v2/billing", "statusCode"),
        ("POST", f"/compat/fal/cdn/files/b/{uuid4()}/a.jpg", "detail"),
        ("PUT", "/api/v1/renders", "code"),
    ):
        answer = httpx.request(method, site.address + path, headers=headers(site), trust_env=False)
        assert (answer.status_code, key in answer.json()) == (405, True), (method, path, answer.text)
