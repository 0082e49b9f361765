"""fal's Python client, unmodified, against our site as it is deployed: what depends on time, and large files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fal_client
import pytest

from tests.simulators import loopback
from tests.simulators.fixture import Door, eventually
from tests.simulators.measure import fetch_and_measure
from tests.simulators.protocol_fal import STANDARD, is_sealed
from tests.simulators.sdks import fal_arguments
from tests.studio.gateway.live import LiveGateway

pytest_plugins = ["tests.simulators.sdks"]
pytestmark = [pytest.mark.process, pytest.mark.xdist_group("live-gateway")]


@pytest.fixture
def fal_door(live: LiveGateway) -> Door:
    return live.door("fal", {"queue": "", "run": "/run", "rest": "/rest", "cdn": "/cdn"})


def wish(live: LiveGateway) -> dict[str, Any]:
    return fal_arguments(live, 4_000)


def test_it_goes_through_all_of_it(fal_sdk: fal_client.SyncClient, live: LiveGateway) -> None:
    seen: list[Any] = []
    handle = fal_sdk.submit(STANDARD, wish(live), webhook_url=live.inbox.url + "/hook")
    output = handle.get(interval=0.05)
    letter = live.letter("request_id", handle.request_id)
    assert is_sealed(letter, loopback.get(f"{live.live.address}/compat/fal/rest/.well-known/jwks.json").json())
    assert letter.json["payload"] == output
    again = fal_sdk.subscribe(
        STANDARD, wish(live), with_logs=True, interval=0.05, on_queue_update=seen.append, client_timeout=60
    )
    assert (type(seen[-1]), again["duration"]) == (fal_client.Completed, 4.0)
    assert fetch_and_measure(fal_sdk.run(STANDARD, wish(live), start_timeout=60)["video"]["url"]).ms == 4_000
    live.nothing_is_held()


def test_it_cancels_at_the_provider(fal_sdk: fal_client.SyncClient, live: LiveGateway) -> None:
    live.slowly()
    handle = fal_sdk.submit(STANDARD, wish(live))
    eventually(lambda: live.simulators.fal.jobs(phase="queued"), "the job at the provider")
    handle.cancel()
    eventually(lambda: isinstance(handle.status(), fal_client.Completed), "its end")
    with pytest.raises(fal_client.FalClientHTTPError) as caught:
        handle.get()
    assert caught.value.status_code == 499
    live.nothing_is_held()


def test_its_own_time_limit_cancels(fal_sdk: fal_client.SyncClient, live: LiveGateway) -> None:
    """It sends the same limit to us, and what a provider has by then is cancelled there and not thrown away."""
    live.slowly()
    with pytest.raises(fal_client.FalClientTimeoutError):
        fal_sdk.subscribe(STANDARD, wish(live), client_timeout=15, interval=0.1)
    eventually(lambda: [job["phase"] for job in live.simulators.fal.jobs()] == ["cancelled"], "the cancel")
    live.nothing_is_held()


def test_a_start_limit_that_passes_while_a_provider_has_it_is_forgotten(
    fal_sdk: fal_client.SyncClient, live: LiveGateway
) -> None:
    live.slowly()
    handle = fal_sdk.submit(STANDARD, wish(live), start_timeout=600)
    job = eventually(lambda: live.simulators.fal.jobs(phase="queued"), "the job at the provider")[0]
    live.let_start_limit_pass()
    assert isinstance(handle.status(), fal_client.Queued)
    live.simulators.fal.finish(job["id"])
    assert handle.get(interval=0.05)["duration"] == 4.0
    live.nothing_is_held()


def test_a_start_limit_that_passes_after_the_end_changes_nothing(
    fal_sdk: fal_client.SyncClient, live: LiveGateway
) -> None:
    handle = fal_sdk.submit(STANDARD, wish(live), start_timeout=600)
    output = handle.get(interval=0.05)
    live.let_start_limit_pass()
    status = handle.status(with_logs=True)
    assert (type(status), handle.get()) == (fal_client.Completed, output)
    with pytest.raises(fal_client.FalClientHTTPError) as caught:
        handle.cancel()
    assert caught.value.status_code == 400


def test_a_start_limit_that_passes_before_a_provider_has_it_ends_it(
    fal_sdk: fal_client.SyncClient, live: LiveGateway
) -> None:
    wanted = wish(live) | {"audio_url": f"{live.silent}/voice.mp3"}
    handle = fal_sdk.submit(STANDARD, wanted, start_timeout=2)
    with pytest.raises(fal_client.FalClientHTTPError) as caught:
        handle.get(interval=0.1)
    assert (caught.value.status_code, caught.value.response.headers["X-Fal-Request-Timeout-Type"]) == (504, "user")
    assert live.simulators.fal.jobs() == []
    live.nothing_is_held()


def test_it_uploads_in_parts(fal_sdk: fal_client.SyncClient, live: LiveGateway, tmp_path: Path) -> None:
    whole = tmp_path / "whole.bin"
    whole.write_bytes(bytes(range(256)) * 450_000)  # 115 MB
    url = fal_sdk.upload_file(whole)
    assert loopback.get(url).content == whole.read_bytes()
