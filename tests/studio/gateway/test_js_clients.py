"""fal's JavaScript clients, unmodified, against our site as it is deployed, with the stand-ins behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.simulators import loopback
from tests.simulators.fixture import eventually
from tests.simulators.measure import fetch_and_measure
from tests.simulators.protocol_fal import STANDARD, is_sealed
from tests.studio.gateway.live import LiveGateway, documented
from tests.support.node import ClientError, JsClient, js_client

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("live-gateway")]

CLIENTS = ["@fal-ai/client", "@fal-ai/serverless-client"]
newest = pytest.mark.parametrize("package", CLIENTS[:1], indirect=True)  # what only the newest client can do
COST_MICROS = 224_800  # 4 s at fal's price
Options = dict[str, Any]


@pytest.fixture
def gateway(live: LiveGateway) -> LiveGateway:
    return live


@pytest.fixture(params=CLIENTS)
def package(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def made(gateway: LiveGateway, package: str, tmp_path: Path) -> Iterator[Callable[..., JsClient]]:
    """Makes the client; ``key`` may be another."""
    with ExitStack() as stack:

        def make(key: str = "", **options: Any) -> JsClient:
            wanted = {"credentials": key or gateway.key, "middleware": documented(gateway.live.address)} | options
            return stack.enter_context(js_client(package, wanted, log=tmp_path / "node.log"))

        yield make


@pytest.fixture
def fal(made: Callable[..., JsClient]) -> JsClient:
    return made()


def with_each(name: str, values: Iterable[str]) -> pytest.MarkDecorator:
    """Each value with the newest client, and the first with the older one, whose code for it is the same."""
    first, *others = values
    pairs = [(package, first) for package in CLIENTS] + [(CLIENTS[0], other) for other in others]
    return pytest.mark.parametrize(("package", name), pairs, indirect=["package"])


def given(gateway: LiveGateway, voice_ms: int = 4_000) -> Options:
    return {"image_url": gateway.portrait, "audio_url": gateway.voice(voice_ms), "prompt": "."}


def data_of(package: str, output: Any) -> Any:
    """The newest client wraps what the older one gives as it is."""
    return output["data"] if package == CLIENTS[0] else output


def subscribe(fal: JsClient, gateway: LiveGateway, **options: Any) -> tuple[Any, list[Any]]:
    wanted = {"input": given(gateway), "logs": True, "pollInterval": 50, "onQueueUpdate": {"$seen": True}}
    return fal.watched("subscribe", STANDARD, wanted | options)


def test_it_subscribes_and_sees_each_state(fal: JsClient, gateway: LiveGateway, package: str) -> None:
    output, seen = subscribe(fal, gateway)
    data = data_of(package, output)
    assert (data["duration"], fetch_and_measure(data["video"]["url"]).ms) == (4.0, 4_000)
    assert seen[-1]["status"] == "COMPLETED"
    assert [line["message"] for line in seen[-1]["logs"]] == [
        "Waiting for its turn", "Sending to the provider", "Rendering", "Copying and checking", "Ready",
    ]  # fmt: skip
    gateway.nothing_is_held()


def test_it_subscribes_by_the_stream(fal: JsClient, gateway: LiveGateway, package: str) -> None:
    output, seen = subscribe(fal, gateway, mode="streaming")
    assert (data_of(package, output)["duration"], seen[-1]["status"]) == (4.0, "COMPLETED")


def test_it_submits_with_a_webhook_and_fetches_later(fal: JsClient, gateway: LiveGateway, package: str) -> None:
    hook = f"{gateway.inbox.url}/hook?attempt=1&token=x"
    queued = fal.call("queue.submit", STANDARD, {"input": given(gateway), "webhookUrl": hook})
    letter = gateway.letter("request_id", queued["request_id"])
    assert (letter.path, letter.json["status"]) == ("/hook?attempt=1&token=x", "OK")
    assert is_sealed(letter, loopback.get(f"{gateway.live.address}/compat/fal/rest/.well-known/jwks.json").json())
    result = fal.call("queue.result", STANDARD, {"requestId": queued["request_id"]})
    assert data_of(package, result) == letter.json["payload"]
    status = fal.call("queue.status", STANDARD, {"requestId": queued["request_id"], "logs": True})
    assert (status["status"], status["request_id"]) == ("COMPLETED", queued["request_id"])


def test_it_runs_synchronously(fal: JsClient, gateway: LiveGateway, package: str) -> None:
    output = data_of(package, fal.call("run", STANDARD, {"input": given(gateway)}))
    assert (output["duration"], fetch_and_measure(output["video"]["url"]).ms) == (4.0, 4_000)


def test_it_cancels_at_the_provider(fal: JsClient, gateway: LiveGateway, package: str) -> None:
    gateway.slowly()
    queued = fal.call("queue.submit", STANDARD, {"input": given(gateway)})
    about = {"requestId": queued["request_id"]}
    eventually(lambda: gateway.simulators.fal.jobs(phase="queued"), "the job at the provider")
    fal.call("queue.cancel", STANDARD, about)
    eventually(lambda: fal.call("queue.status", STANDARD, about)["status"] == "COMPLETED", "its end")
    with pytest.raises(ClientError) as caught:
        fal.call("queue.result", STANDARD, about)
    assert (caught.value.told["name"], caught.value.told["status"]) == ("ApiError", 499)
    with pytest.raises(ClientError) as caught:
        fal.call("queue.cancel", STANDARD, about)
    assert caught.value.told["status"] == 400
    assert [job["phase"] for job in gateway.simulators.fal.jobs()] == ["cancelled"]
    gateway.nothing_is_held()


def upload(gateway: LiveGateway, folder: Path, name: str, url: str, kind: str) -> Options:
    path = folder / "file"
    path.write_bytes(loopback.get(url).content)
    return {"$file": str(path), "name": name, "type": kind}


@with_each("name", ["顔.jpg", "face.jpg", "Gesicht – größer.jpg", "a b+c%20d.jpg"])
def test_it_uploads_what_it_then_uses(
    fal: JsClient, gateway: LiveGateway, package: str, tmp_path: Path, name: str
) -> None:
    url = fal.call("storage.upload", upload(gateway, tmp_path, name, gateway.portrait, "image/jpeg"))
    assert loopback.get(url).content == (tmp_path / "file").read_bytes()
    output, _ = subscribe(fal, gateway, input=given(gateway) | {"image_url": url})
    assert data_of(package, output)["duration"] == 4.0


def test_files_in_its_input_are_uploaded(fal: JsClient, gateway: LiveGateway, package: str, tmp_path: Path) -> None:
    voice = upload(gateway, tmp_path, "voice.mp3", gateway.voice(), "audio/mpeg")
    output, _ = subscribe(fal, gateway, input=given(gateway) | {"audio_url": voice})
    assert data_of(package, output)["duration"] == 4.0


TROUBLES: dict[str, tuple[int, str, str | None]] = {
    "moderated": (422, "ValidationError", "content_policy_violation"),
    "bad key": (401, "ApiError", None),
    "unknown model": (404, "ApiError", None),
    "no such file": (422, "ValidationError", "file_download_error"),
    "not a picture": (422, "ValidationError", "unsupported_image_format"),
    "too short": (422, "ValidationError", "audio_duration_too_short"),
    "no portrait": (422, "ValidationError", "missing"),
    "failed": (500, "ApiError", "internal_server_error"),
}


@with_each("trouble", TROUBLES)
def test_it_throws_its_own_errors(made: Callable[..., JsClient], gateway: LiveGateway, trouble: str) -> None:
    status, name, kind = TROUBLES[trouble]
    fal = made("nobody" if trouble == "bad key" else "")
    wanted = given(gateway)
    if trouble in ("moderated", "failed"):
        gateway.simulators.fal.fault("moderated" if trouble == "moderated" else "fail")
    if trouble == "no portrait":
        del wanted["image_url"]
    wanted |= {
        "no such file": {"audio_url": gateway.simulators.runware.base + "/nothing.mp3"},
        "not a picture": {"image_url": gateway.voice()},
        "too short": {"audio_url": gateway.voice(1_000)},
    }.get(trouble, {})
    with pytest.raises(ClientError) as caught:
        fal.call("subscribe", "fal-ai/flux/dev" if trouble == "unknown model" else STANDARD, {"input": wanted})
    told = caught.value.told
    assert (told["name"], told["status"]) == (name, status)
    detail = told["body"]["detail"]
    assert (detail[0]["type"] if isinstance(detail, list) else None) == kind
    gateway.nothing_is_held()


# --- Timeouts: its own, the server's, and a caller who has gone away


def test_its_own_time_limit_cancels(fal: JsClient, gateway: LiveGateway) -> None:
    gateway.slowly()
    with pytest.raises(ClientError) as caught:
        subscribe(fal, gateway, timeout=12_000)
    assert caught.value.told["message"] == "Client timed out waiting for the request to complete after 12000ms"
    eventually(lambda: [job["phase"] for job in gateway.simulators.fal.jobs()] == ["cancelled"], "the cancel")
    gateway.nothing_is_held()


@newest
def test_a_caller_who_gives_up_stops_asking(fal: JsClient, gateway: LiveGateway) -> None:
    gateway.slowly()
    with gateway.charged(COST_MICROS), pytest.raises(ClientError) as caught:
        subscribe(fal, gateway, abortSignal={"$abort": 1_000})
    assert caught.value.told["name"] in ("AbortError", "TimeoutError")


@newest
def test_a_start_limit_that_is_kept_changes_nothing(fal: JsClient, gateway: LiveGateway, package: str) -> None:
    output, seen = subscribe(fal, gateway, startTimeout=600)
    assert (data_of(package, output)["duration"], seen[-1]["status"]) == (4.0, "COMPLETED")


@newest
def test_a_start_limit_that_passes_while_a_provider_has_it_is_forgotten(
    fal: JsClient, gateway: LiveGateway, package: str
) -> None:
    gateway.slowly()
    queued = fal.call("queue.submit", STANDARD, {"input": given(gateway), "startTimeout": 600})
    about = {"requestId": queued["request_id"]}
    job = eventually(lambda: gateway.simulators.fal.jobs(phase="queued"), "the job at the provider")[0]
    gateway.let_start_limit_pass()
    assert fal.call("queue.status", STANDARD, about)["status"] == "IN_QUEUE"
    gateway.simulators.fal.finish(job["id"])
    eventually(lambda: fal.call("queue.status", STANDARD, about)["status"] == "COMPLETED", "its end")
    assert data_of(package, fal.call("queue.result", STANDARD, about))["duration"] == 4.0


@newest
def test_a_start_limit_that_passes_before_a_provider_has_it_is_the_users_own(
    fal: JsClient, gateway: LiveGateway
) -> None:
    """The client asks again after any other 504."""
    wanted = given(gateway) | {"audio_url": f"{gateway.silent}/voice.mp3"}
    with pytest.raises(ClientError) as caught:
        fal.call("subscribe", STANDARD, {"input": wanted, "startTimeout": 2, "pollInterval": 100})
    told = caught.value.told
    assert (told["name"], told["status"], told["isUserTimeout"]) == ("ApiError", 504, True)
    assert gateway.simulators.fal.jobs() == []
