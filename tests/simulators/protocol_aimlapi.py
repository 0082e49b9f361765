"""What anything that speaks AI/ML API's protocol must do. Subclass in a test module and give an ``aimlapi_door``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.simulators import loopback
from tests.simulators.fixture import Door, eventually
from tests.simulators.measure import fetch_and_measure

PRO, STANDARD = "klingai/avatar-pro", "klingai/avatar-standard"
PATH = "/v2/video/generations"
ERROR_KEYS = {"message", "path", "requestId", "statusCode", "timestamp"}
WRONG_BODIES = (
    ({"model": None}, 400, "model"),
    ({"model": "klingai/avatar-9"}, 404, "klingai/avatar-9"),
    ({"image_url": None}, 400, "image_url"),
    ({"audio_url": None}, 400, "audio_url"),
    ({"audio_url": 7}, 400, "audio_url"),
    ({"audio_url": "data:audio/mpeg;base64,AAAA"}, 400, "audio_url"),
    ({"prompt": "x" * 2501}, 400, "prompt"),
    ({"provider": "nobody"}, 400, "provider"),
)


class AimlapiClient:
    """The documented two calls, plainly."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.http = loopback.Client(
            base_url=door.hosts["api"], headers={"Authorization": f"Bearer {door.key}"}, timeout=30
        )

    def body(self, voice_ms: int = 4000, **changes: Any) -> dict[str, Any]:
        given = {"model": STANDARD, "image_url": self.door.portrait, "audio_url": self.door.voice(voice_ms)} | changes
        return {name: value for name, value in given.items() if value is not None}

    def create(self, voice_ms: int = 4000, *, client_id: str | None = None, **changes: Any) -> httpx.Response:
        headers = {"X-Client-Request-Id": client_id} if client_id else {}
        return self.http.post(PATH, json=self.body(voice_ms, **changes), headers=headers)

    def poll(self, generation_id: str) -> httpx.Response:
        return self.http.get(f"{PATH}?generation_id={quote(generation_id, safe='')}")

    def until_over(self, generation_id: str) -> httpx.Response:
        def is_over() -> httpx.Response | None:
            answer = self.poll(generation_id).raise_for_status()
            return answer if answer.json()["status"] in ("completed", "error") else None

        return eventually(is_over, "the end of the generation")

    def render(self, voice_ms: int = 4000, **changes: Any) -> dict[str, Any]:
        created = self.create(voice_ms, **changes).raise_for_status().json()
        return dict(self.until_over(created["id"]).json())

    def close(self) -> None:
        self.http.close()


@pytest.fixture
def aimlapi(aimlapi_door: Door) -> Iterator[AimlapiClient]:
    client = AimlapiClient(aimlapi_door)
    yield client
    client.close()


class AimlapiProtocol:
    @pytest.mark.parametrize("header", [None, "Bearer wrong", "Key wrong"])
    def test_a_wrong_key_is_401(self, aimlapi: AimlapiClient, header: str | None) -> None:
        headers = {"Authorization": header} if header else {}
        answer = loopback.post(aimlapi.door.hosts["api"] + PATH, json=aimlapi.body(), headers=headers)
        assert (answer.status_code, set(answer.json()), int(answer.json()["statusCode"])) == (401, ERROR_KEYS, 401)

    @pytest.mark.parametrize(("wrong", "status", "named"), WRONG_BODIES)
    def test_a_wrong_body_is_named(
        self, aimlapi: AimlapiClient, wrong: dict[str, Any], status: int, named: str
    ) -> None:
        answer = aimlapi.create(**wrong)
        assert (answer.status_code, set(answer.json()), answer.json()["path"]) == (status, ERROR_KEYS, PATH)
        assert named in answer.json()["message"]

    def test_an_unknown_route_is_404(self, aimlapi: AimlapiClient) -> None:
        answer = aimlapi.http.get("/v2/nowhere")
        assert (answer.status_code, answer.json()["path"]) == (404, "/v2/nowhere")

    @pytest.mark.parametrize(("model", "held"), [(STANDARD, 590_100), (PRO, 1_207_500)])
    def test_a_create_holds_credits(self, aimlapi: AimlapiClient, model: str, held: int) -> None:
        answer = aimlapi.create(model=model)
        body = answer.json()
        assert (answer.is_success, body["status"]) == (True, "queued")
        assert next(iter(body["meta"]["usage"].values())) == held
        assert answer.headers["x-inference-id"] == body["id"]
        assert answer.headers["x-aimlapi-credits-used"] == str(held)

    @pytest.mark.parametrize(("model", "spent"), [(STANDARD, 1_447_712), (PRO, 2_962_400)])
    def test_the_final_credits_follow_the_length(self, aimlapi: AimlapiClient, model: str, spent: int) -> None:
        created = aimlapi.create(12_300, model=model).json()
        answer = aimlapi.until_over(created["id"])
        body = answer.json()
        assert (body["status"], body["error"]) == ("completed", None)
        assert next(iter(body["meta"]["usage"].values())) == spent
        assert answer.headers["x-aimlapi-credits-used"] == str(spent)
        assert float(answer.headers["x-aimlapi-usd-spent"]) == spent / 2_000_000
        assert fetch_and_measure(body["video"]["url"]).ms == 12_266

    @pytest.mark.usefixtures("in_no_hurry")
    def test_a_new_generation_is_queued(self, aimlapi: AimlapiClient) -> None:
        body = aimlapi.poll(aimlapi.create().json()["id"]).json()
        assert (body["status"], body["video"], body["error"]) == ("queued", None, None)

    def test_an_unknown_generation_is_404(self, aimlapi: AimlapiClient) -> None:
        assert aimlapi.poll("nothing:klingai/avatar-pro").status_code == 404
        assert aimlapi.http.get(PATH).status_code == 400

    def test_an_input_that_cannot_be_fetched_is_an_error(self, aimlapi: AimlapiClient) -> None:
        body = aimlapi.render(audio_url=aimlapi.door.hosts["files"] + "/no/voice.mp3")
        assert (body["status"], body["video"], set(body["error"])) == ("error", None, {"name", "message"})

    def test_our_id_is_echoed_and_logged(self, aimlapi: AimlapiClient) -> None:
        answer = aimlapi.create(client_id="job:2026.11-a_1")
        created = answer.json()
        assert answer.headers["x-client-request-id"] == "job:2026.11-a_1"
        aimlapi.until_over(created["id"])
        row = eventually(lambda: self._logs(aimlapi), "the log")[0]
        assert (row["client_request_id"], row["inference_id"]) == ("job:2026.11-a_1", created["id"])
        assert (row["status"], row["model"], row["cost"]["credits"] > 0) == ("succeeded", STANDARD, True)

    @pytest.mark.parametrize("bad", ["with space", "x" * 129, "ü"])
    def test_a_malformed_id_is_dropped_in_silence(self, aimlapi: AimlapiClient, bad: str) -> None:
        headers = {"X-Client-Request-Id": bad.encode()}
        answer = aimlapi.http.post(PATH, json=aimlapi.body(), headers=headers)
        assert (answer.is_success, "x-client-request-id" in answer.headers) == (True, False)

    def test_the_same_id_twice_is_two_generations(self, aimlapi: AimlapiClient) -> None:
        assert aimlapi.create(client_id="same").json()["id"] != aimlapi.create(client_id="same").json()["id"]

    def test_the_ledger_has_the_charge_and_the_balance_falls(self, aimlapi: AimlapiClient) -> None:
        before = aimlapi.http.get("/v2/billing").json()
        created = aimlapi.create(12_300).json()
        aimlapi.until_over(created["id"])
        url = "/v2/billing/transactions?type=MODEL_USAGE"
        row = eventually(lambda: aimlapi.http.get(url).raise_for_status().json()["data"], "the charge")[0]
        assert (row["reference_id"], row["amount"]["credits"]) == (created["id"], 1_447_712)
        after = aimlapi.http.get("/v2/billing").json()
        assert (round(before["current_balance"] - after["current_balance"], 6), after["currency"]) == (0.723856, "USD")

    @pytest.mark.parametrize(("model", "price"), [(PRO, 0.12075), (STANDARD, 0.05901)])
    def test_the_price_is_listed(self, aimlapi: AimlapiClient, model: str, price: float) -> None:
        rows = aimlapi.http.get("/v1/models", params={"id": model, "include": "pricing"}).json()["data"]
        assert [row["id"] for row in rows] == [model]
        assert [(one["price"], one["unit"]) for one in rows[0]["pricing"]["variants"]] == [(price, "second")]

    @pytest.mark.parametrize(
        "asked", [{"period": "yesterday"}, {"limit": 101}, {"status": "lost"}, {"period": "1h", "start": "2026-01-01"}]
    )
    def test_a_wrong_question_to_the_logs_is_400(self, aimlapi: AimlapiClient, asked: dict[str, Any]) -> None:
        assert aimlapi.http.get("/v2/logs", params=asked).status_code == 400

    def _logs(self, aimlapi: AimlapiClient) -> list[dict[str, Any]]:
        asked = {"period": "24h", "model": STANDARD, "limit": 100}
        return list(aimlapi.http.get("/v2/logs", params=asked).raise_for_status().json()["data"])
