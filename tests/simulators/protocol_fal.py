"""What anything that speaks fal's protocol must do. Subclass in a test module and give a ``fal_door``."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.simulators import loopback
from tests.simulators.fixture import Door, Inbox, Received, eventually
from tests.simulators.measure import fetch_and_measure

PRO, STANDARD = "fal-ai/kling-video/ai-avatar/v2/pro", "fal-ai/kling-video/ai-avatar/v2/standard"
APP = "fal-ai/kling-video"


class FalClient:
    """The least that is needed to speak to a door."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.queue = door.hosts["queue"]
        self.http = loopback.Client(headers={"Authorization": f"Key {door.key}"}, timeout=30)
        self._others: list[httpx.Client] = []

    def arguments(self, voice_ms: int = 4000, **changes: Any) -> dict[str, Any]:
        given = {"image_url": self.door.portrait, "audio_url": self.door.voice(voice_ms)} | changes
        return {name: value for name, value in given.items() if value is not None}

    def post(
        self,
        arguments: Any,
        *,
        model: str = STANDARD,
        webhook: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        asked = {"fal_webhook": webhook} if webhook else {}
        return self.http.post(f"{self.queue}/{model}", json=arguments, params=asked, headers=headers)

    def submit(self, voice_ms: int = 4000, **options: Any) -> dict[str, Any]:
        return dict(self.post(self.arguments(voice_ms), **options).raise_for_status().json())

    def status(self, job: dict[str, Any], **asked: Any) -> httpx.Response:
        return self.http.get(job["status_url"], params=asked)

    def result(self, job: dict[str, Any]) -> httpx.Response:
        return self.http.get(job["response_url"])

    def until_over(self, job: dict[str, Any]) -> dict[str, Any]:
        def is_over() -> dict[str, Any] | None:
            body = self.status(job).raise_for_status().json()
            return body if body["status"] == "COMPLETED" else None

        return dict(eventually(is_over, "COMPLETED"))

    def finished(self, voice_ms: int = 4000, **options: Any) -> httpx.Response:
        """Submit, wait, and give the result's answer, whatever it is."""
        job = self.submit(voice_ms, **options)
        self.until_over(job)
        return self.result(job)

    def cdn(self) -> httpx.Client:
        """A client of the CDN with a fresh token; closed with this one."""
        url = f"{self.door.hosts['rest']}/storage/auth/token"
        body = self.http.post(url, params={"storage_type": "fal-cdn-v3"}, json={}).raise_for_status().json()
        assert urlsplit(body["base_url"]).scheme
        authorization = {"Authorization": f"{body['token_type']} {body['token']}"}
        self._others.append(loopback.Client(base_url=body["base_url"], headers=authorization))
        return self._others[-1]

    def close(self) -> None:
        for client in (self.http, *self._others):
            client.close()


def is_sealed(letter: Received, jwks: dict[str, Any], *, now: float | None = None) -> bool:
    """Whether the letter bears a valid seal of the last five minutes, as fal's page on webhooks says to check."""
    given = {
        name: letter.headers[f"x-fal-webhook-{name}"] for name in ("request-id", "user-id", "timestamp", "signature")
    }
    if abs((now or time.time()) - int(given["timestamp"])) > 300:
        return False
    digest = hashlib.sha256(letter.body).hexdigest()
    message = "\n".join((given["request-id"], given["user-id"], given["timestamp"], digest)).encode()
    for key in jwks["keys"]:
        raw = base64.urlsafe_b64decode(key["x"] + "=" * (-len(key["x"]) % 4))
        try:
            Ed25519PublicKey.from_public_bytes(raw).verify(bytes.fromhex(given["signature"]), message)
        except InvalidSignature:
            continue
        return True
    return False


@pytest.fixture
def fal(fal_door: Door) -> Iterator[FalClient]:
    client = FalClient(fal_door)
    yield client
    client.close()


class FalProtocol:
    @pytest.mark.parametrize("header", [None, "Key wrong:key", "Bearer token"])
    def test_a_wrong_key_is_401_with_a_detail(self, fal: FalClient, header: str | None) -> None:
        headers = {"Authorization": header} if header else {}
        answer = loopback.post(f"{fal.queue}/{STANDARD}", json=fal.arguments(), headers=headers)
        assert (answer.status_code, type(answer.json()["detail"])) == (401, str)

    def test_an_unknown_model_is_404(self, fal: FalClient) -> None:
        assert fal.post(fal.arguments(), model="fal-ai/no-such-model").status_code == 404

    def test_a_submit_is_answered_with_its_urls(self, fal: FalClient) -> None:
        answer = fal.post(fal.arguments())
        body = answer.json()
        assert answer.status_code in (200, 202)
        assert (body["status"], str(UUID(body["request_id"]))) == ("IN_QUEUE", body["request_id"])
        base = f"{fal.queue}/{APP}/requests/{body['request_id']}"
        assert (body["status_url"], body["cancel_url"]) == (base + "/status", base + "/cancel")
        assert body["response_url"].removesuffix("/response") == base

    @pytest.mark.usefixtures("in_no_hurry")
    def test_status_is_202_until_the_end(self, fal: FalClient) -> None:
        answer = fal.status(fal.submit())
        body = answer.json()
        assert (answer.status_code, body["status"]) == (202, "IN_QUEUE")
        assert isinstance(body["queue_position"], int)

    def test_status_is_200_at_the_end(self, fal: FalClient) -> None:
        job = fal.submit()
        over = fal.until_over(job)
        assert (over["logs"], over["metrics"]["inference_time"] > 0, "error" in over) == (None, True, False)
        assert fal.status(job).status_code == 200

    def test_logs_come_on_request(self, fal: FalClient) -> None:
        job = fal.submit()
        fal.until_over(job)
        logs = fal.status(job, logs=1).json()["logs"]
        assert {frozenset(line) for line in logs} == {frozenset({"message", "level", "source", "timestamp"})}

    @pytest.mark.parametrize("model", [STANDARD, PRO])
    def test_the_result_is_the_models_own_answer(self, fal: FalClient, model: str) -> None:
        output = fal.finished(12_300, model=model).raise_for_status().json()
        assert (output["duration"], output["video"]["content_type"]) == (12.266, "video/mp4")
        measured = fetch_and_measure(output["video"]["url"])
        assert (measured.ms, measured.fps) == (12_266, 30)
        assert output["video"]["file_size"] == len(loopback.get(output["video"]["url"]).content)

    def test_the_result_has_two_addresses(self, fal: FalClient) -> None:
        job = fal.submit()
        fal.until_over(job)
        base = job["response_url"].removesuffix("/response")
        assert fal.http.get(base).json() == fal.http.get(base + "/response").json()

    @pytest.mark.usefixtures("in_no_hurry")
    def test_the_result_before_the_end_is_400(self, fal: FalClient) -> None:
        answer = fal.result(fal.submit())
        assert (answer.status_code, answer.json()) == (400, {"detail": "Request is still in progress"})

    def test_the_full_model_is_no_part_of_the_request_address(self, fal: FalClient) -> None:
        job = fal.submit()
        assert fal.http.get(f"{fal.queue}/{STANDARD}/requests/{job['request_id']}/status").status_code == 404

    def test_an_unknown_request_is_404(self, fal: FalClient) -> None:
        assert fal.http.get(f"{fal.queue}/{APP}/requests/{uuid4()}/status").status_code == 404

    @pytest.mark.parametrize("field", ["image_url", "audio_url"])
    def test_a_missing_input_is_a_422_list(self, fal: FalClient, field: str) -> None:
        job = fal.post(fal.arguments(**{field: None})).raise_for_status().json()
        fal.until_over(job)
        answer = fal.result(job)
        entry = answer.json()["detail"][0]
        assert (answer.status_code, entry["loc"], entry["type"]) == (422, ["body", field], "missing")

    def test_an_input_that_cannot_be_fetched_is_a_422_list(self, fal: FalClient) -> None:
        lost = fal.door.hosts["cdn"] + "/files/b/nothing.mp3"
        job = fal.post(fal.arguments(audio_url=lost)).raise_for_status().json()
        fal.until_over(job)
        entry = fal.result(job).json()["detail"][0]
        assert (entry["loc"], entry["type"], entry["input"]) == (["body", "audio_url"], "file_download_error", lost)

    @pytest.mark.usefixtures("in_no_hurry")
    def test_a_waiting_request_is_cancelled_at_once(self, fal: FalClient) -> None:
        job = fal.submit()
        answer = fal.http.put(job["cancel_url"])
        assert (answer.status_code, answer.json()) == (200, {"status": "OK"})
        over = fal.until_over(job)
        assert over["error_type"] == "client_cancelled"
        assert fal.result(job).status_code == 499

    def test_a_finished_request_cannot_be_cancelled(self, fal: FalClient) -> None:
        job = fal.submit()
        fal.until_over(job)
        answer = fal.http.put(job["cancel_url"])
        assert (answer.status_code, answer.json()) == (400, {"status": "ALREADY_COMPLETED"})

    def test_an_unknown_request_cannot_be_cancelled(self, fal: FalClient) -> None:
        answer = fal.http.put(f"{fal.queue}/{APP}/requests/{uuid4()}/cancel")
        assert (answer.status_code, answer.json()) == (404, {"status": "NOT_FOUND"})

    def test_the_stream_tells_each_change(self, fal: FalClient) -> None:
        job = fal.submit()
        with fal.http.stream("GET", job["status_url"] + "/stream", params={"logs": 1}) as answer:
            events = [json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: ")]
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        order = ["IN_QUEUE", "IN_PROGRESS", "COMPLETED"]
        told = [order.index(event["status"]) for event in events]
        assert (told, told[-1]) == (sorted(told), 2)

    def test_the_synchronous_door_waits(self, fal: FalClient) -> None:
        answer = fal.http.post(f"{fal.door.hosts['run']}/{STANDARD}", json=fal.arguments())
        assert (answer.status_code, answer.json()["duration"]) == (200, 4.0)

    def test_the_letter_is_sealed(self, fal: FalClient, inbox: Inbox) -> None:
        job = fal.submit(webhook=inbox.url + "/hook?attempt=7")
        letter = inbox.wait()[0]
        jwks = loopback.get(fal.door.hosts["rest"] + "/.well-known/jwks.json").json()
        assert letter.path == "/hook?attempt=7"
        assert (letter.json["status"], letter.json["request_id"]) == ("OK", job["request_id"])
        assert letter.json["payload"] == fal.result(job).json()
        assert is_sealed(letter, jwks)
        assert not is_sealed(letter, jwks, now=time.time() + 301)
        assert not is_sealed(Received(letter.path, letter.headers, letter.body + b" "), jwks)

    def test_a_failure_is_told_too(self, fal: FalClient, inbox: Inbox) -> None:
        fal.post(fal.arguments(audio_url=None), webhook=inbox.url).raise_for_status()
        told = inbox.wait()[0].json
        assert (told["status"], told["error"]) == ("ERROR", "Invalid status code: 422")
        assert told["payload"]["detail"][0]["type"] == "missing"

    def test_an_upload_through_the_cdn_is_an_input(self, fal: FalClient) -> None:
        sound = loopback.get(fal.door.voice(4000)).content
        answer = fal.cdn().post("/files/upload", content=sound, headers={"Content-Type": "audio/mpeg"})
        url = answer.raise_for_status().json()["access_url"]
        fetched = loopback.get(url)
        assert (fetched.content, fetched.headers["Content-Type"]) == (sound, "audio/mpeg")
        job = fal.post(fal.arguments(audio_url=url)).raise_for_status().json()
        fal.until_over(job)
        assert fal.result(job).json()["duration"] == 4.0

    def test_the_cdn_wants_a_token(self, fal: FalClient) -> None:
        answer = loopback.post(
            fal.door.hosts["cdn"] + "/files/upload", content=b"x", headers={"Authorization": "Bearer no"}
        )
        assert answer.status_code == 401

    def test_an_upload_in_parts_becomes_one_file(self, fal: FalClient) -> None:
        cdn = fal.cdn()
        headers = {"Content-Type": "video/mp4", "X-Fal-File-Name": "big one.mp4"}
        begun = cdn.post("/files/upload/multipart", headers=headers).raise_for_status().json()
        base = f"{begun['access_url']}/multipart/{begun['uploadId']}"
        etags = [cdn.put(f"{base}/{n}", content=bytes([n]) * 1000).headers["etag"] for n in (1, 2)]
        wrong = [{"partNumber": 1, "etag": etags[1]}, {"partNumber": 2, "etag": etags[0]}]
        assert cdn.post(f"{base}/complete", json={"parts": wrong}).status_code == 400
        parts = [{"partNumber": n, "etag": etag} for n, etag in enumerate(etags, 1)]
        cdn.post(f"{base}/complete", json={"parts": parts}).raise_for_status()
        assert loopback.get(begun["access_url"]).content == b"\1" * 1000 + b"\2" * 1000

    @pytest.mark.parametrize("storage", ["gcs", "fal-cdn-v3"])
    def test_an_initiated_upload_needs_no_key_for_the_bytes(self, fal: FalClient, storage: str) -> None:
        wanted = {"file_name": "voice.mp3", "content_type": "audio/mpeg"}
        url = f"{fal.door.hosts['rest']}/storage/upload/initiate"
        body = fal.http.post(url, params={"storage_type": storage}, json=wanted).raise_for_status().json()
        loopback.put(body["upload_url"], content=b"sound").raise_for_status()
        fetched = loopback.get(body["file_url"])
        assert (fetched.content, fetched.headers["Content-Type"]) == (b"sound", "audio/mpeg")
        assert loopback.put(body["upload_url"], content=b"again").status_code == 403

    def test_prices_are_listed(self, fal: FalClient) -> None:
        url = fal.door.hosts["platform"] + "/v1/models/pricing"
        rows = fal.http.get(url, params={"endpoint_id": [PRO, STANDARD]}).raise_for_status().json()["prices"]
        assert [(row["endpoint_id"], row["unit_price"]) for row in rows] == [(PRO, 0.115), (STANDARD, 0.0562)]

    def test_a_request_is_found_by_its_endpoint(self, fal: FalClient) -> None:
        arguments = fal.arguments(audio_url=fal.door.voice(4000) + "?a=attempt-7")
        job = fal.post(arguments).raise_for_status().json()
        fal.until_over(job)
        url = fal.door.hosts["platform"] + "/v1/models/requests/by-endpoint"
        asked = {"endpoint_id": STANDARD, "expand": "payloads", "limit": 100}
        row = fal.http.get(url, params=asked).raise_for_status().json()["items"][0]
        assert (row["request_id"], row["status_code"], row["json_input"]) == (job["request_id"], 200, arguments)
        assert row["json_output"] == fal.result(job).json()

    def test_billing_events_want_the_admin_key(self, fal: FalClient) -> None:
        job = fal.submit(12_300, model=PRO)
        fal.until_over(job)
        url = fal.door.hosts["platform"] + "/v1/models/billing-events"
        assert fal.http.get(url).status_code == 403
        headers = {"Authorization": f"Key {fal.door.other_keys['admin']}"}
        event = loopback.get(url, headers=headers).raise_for_status().json()["billing_events"][0]
        assert (event["request_id"], event["output_units"]) == (job["request_id"], 12.266)
        assert event["cost_estimate_nano_usd"] == 1_410_590_000
