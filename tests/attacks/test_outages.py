"""Each part hung and gone × each door: what answers what, within two seconds, and nothing is a 500."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import psycopg
import pytest

from tests.attacks.table import row
from tests.studio.api.live import LiveApi, live_api
from tests.support.paths import SAMPLES
from tests.support.servers import postgres_server, s3_server, valkey_server

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("outages")]

SECONDS = 2.0
SCHEDULING = 0.8  # what two busy cores may add
BELIEVED = 0.6  # a sign of life of the bucket is believed for half a second
Usual = dict[str, tuple[int, float, str]]
TITLE = "each part away × each door"
Door = Callable[[LiveApi, httpx.Client], httpx.Response]


@dataclass(frozen=True)
class House:
    """A site on real parts, and where each of these listens."""

    site: LiveApi
    ports: dict[str, int]

    @contextmanager
    def hung(self, part: str) -> Iterator[None]:
        """Every process of the part stopped by SIGSTOP, and woken again at the end."""
        stopped = processes_at(self.ports[part])
        for process in stopped:
            process.send_signal(signal.SIGSTOP)
        time.sleep(BELIEVED)
        try:
            yield
        finally:
            for process in stopped:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGCONT)


def processes_at(port: int) -> list[psutil.Process]:
    """Who listens there, and whoever that one has started."""
    listening = [
        one.pid for one in psutil.net_connections("tcp") if one.laddr.port == port and one.status == psutil.CONN_LISTEN
    ]
    masters = [psutil.Process(pid) for pid in {pid for pid in listening if pid}]
    return [*masters, *(child for master in masters for child in master.children(recursive=True))]


def port_of(url: str) -> int:
    return urlsplit(url).port or 0


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("outages")
    # At the end there is no server left that could drop the site's database.
    ending = suppress(psycopg.OperationalError)
    with ending, postgres_server() as database, valkey_server() as cache, s3_server() as bucket:
        given = {"REDIS_URL": cache, **bucket.environment}
        with live_api(folder / "site", server=database, **given) as site:
            yield House(site, {"database": port_of(database), "cache": port_of(cache), "bucket": bucket.port})


# --- The doors --------------------------------------------------------------------------------------------------------


def health(site: LiveApi, client: httpx.Client) -> httpx.Response:
    return client.get(f"{site.address}/healthz")


def front_page(site: LiveApi, client: httpx.Client) -> httpx.Response:
    return client.get(f"{site.address}/")


def sign_in_page(site: LiveApi, client: httpx.Client) -> httpx.Response:
    return client.get(f"{site.address}/account/login/")


def asset(site: LiveApi, client: httpx.Client) -> httpx.Response:
    return client.get(f"{site.address}/static/css/tokens.css")


def read_api(site: LiveApi, client: httpx.Client) -> httpx.Response:
    return client.get("renders")


def create_render(site: LiveApi, client: httpx.Client) -> httpx.Response:
    body = {"portrait": site.alice["portrait"], "voice": site.alice["voice"], "model": "draft"}
    return client.post("renders", json=body)


def ask_for_a_new_password(site: LiveApi, client: httpx.Client) -> httpx.Response:
    address = f"{site.address}/account/password/reset/"
    token = client.get(address).cookies["csrftoken"]
    # An address of its own each time: one address may ask five times a minute.
    form = {"email": f"{time.time_ns()}@example.org", "csrfmiddlewaretoken": token}
    return client.post(address, data=form, follow_redirects=True, headers={"Referer": address})


def upload(site: LiveApi, client: httpx.Client) -> httpx.Response:
    # Bytes of its own each time, or nothing would have to be stored.
    voice = (SAMPLES / "voice-welcome.mp3").read_bytes() + b"TAG" + str(time.time_ns()).encode().ljust(125, b"\0")
    return client.post("uploads", data={"kind": "voice"}, files={"file": ("voice.mp3", voice)})


def fal_submit(site: LiveApi, client: httpx.Client) -> httpx.Response:
    model = "fal-ai/kling-video/ai-avatar/v2/standard"
    body = {"image_url": site.alice["portrait"], "audio_url": site.alice["voice"]}
    headers = {"Authorization": f"Key {site.alice['test_token']}"}
    return client.post(f"{site.address}/compat/fal/{model}", json=body, headers=headers)


def runware(site: LiveApi, client: httpx.Client) -> httpx.Response:
    return client.post(f"{site.address}/compat/runware/v1", json=[{"taskType": "getResponse", "taskUUID": "x"}])


def aimlapi(site: LiveApi, client: httpx.Client) -> httpx.Response:
    return client.get(f"{site.address}/compat/aimlapi/v2/video/generations", params={"generation_id": "x"})


def webhook(site: LiveApi, client: httpx.Client) -> httpx.Response:
    return client.post(f"{site.address}/hooks/runware/", json={"data": []})


DOORS: dict[str, Door] = {
    "/healthz": health,
    "front page": front_page,
    "sign-in": sign_in_page,
    "asset": asset,
    "new password": ask_for_a_new_password,
    "API read": read_api,
    "API create": create_render,
    "upload": upload,
    "fal": fal_submit,
    "Runware": runware,
    "AI/ML API": aimlapi,
    "webhook": webhook,
}
SPEAK_JSON = set(DOORS) - {"front page", "sign-in", "asset", "new password", "webhook"}
# What has to wait for the part, by part: everything else answers as ever.
CREATE = ("API create", "upload")
PROVIDER_URLS = ("RUNWARE_URL", "FAL_QUEUE_URL", "FAL_REST_URL", "FAL_PLATFORM_URL", "FAL_CDN_URL", "AIMLAPI_URL")
PROVIDER_KEYS = ("RUNWARE_API_KEY", "FAL_KEY", "AIMLAPI_KEY")
NEEDS = {
    "providers": set[str](),
    "mail": set[str](),
    "database": set(DOORS) - {"/healthz", "asset", "front page", "sign-in"},
    "cache": set[str](),
    "bucket": {"upload"},
}


def knock(house: House) -> Usual:
    """The status of each door, how long it took, and its Retry-After."""
    found: Usual = {}
    with house.site.client() as client:
        client.headers["Connection"] = "close"
        for name, door in DOORS.items():
            began = time.monotonic()
            answer = door(house.site, client)
            if name in SPEAK_JSON:
                assert "json" in answer.headers["Content-Type"], f"{name} answered in {answer.headers['Content-Type']}"
            found[name] = (answer.status_code, time.monotonic() - began, answer.headers.get("Retry-After", ""))
    return found


def check(house: House, part: str, how: str, usual: Usual, record: Callable[[str, object], None]) -> None:
    found = knock(house)
    # What is gone stays gone: the bucket goes before the database.
    check_readiness(house, part, no_storage=part == "bucket" or (part, how) == ("database", "gone"))
    for name, (status, seconds, retry_after) in found.items():
        record(
            *row(
                TITLE, part, how, name, status, f"{seconds:.2f} s", f"Retry-After {retry_after}" if retry_after else ""
            )
        )
    for name, (status, seconds, retry_after) in found.items():
        assert seconds < SECONDS + SCHEDULING, f"{name} took {seconds:.1f} s"
        if name in NEEDS[part]:
            assert status == 503, f"{name} answered {status}"
            assert retry_after
        else:
            assert status == usual[name][0], f"{name} answered {status}"


def check_readiness(house: House, part: str, *, no_storage: bool) -> None:
    """/healthz lives on and names the part; /readyz is not ready because of it, and says so as soon as all else."""
    with house.site.client() as client:
        alive = health(house.site, client).json()
        began = time.monotonic()
        ready = client.get(f"{house.site.address}/readyz")
        assert time.monotonic() - began < SECONDS + SCHEDULING
    assert alive["status"] == "alive"
    assert (alive["database"] == "unreachable") == (part == "database")
    failing = {name for name, word in ready.json()["checks"].items() if word == "failing"}
    assert (ready.status_code, "Retry-After" in ready.headers) == (503, True)  # no worker runs here, at any time
    assert ("database" in failing, "storage" in failing) == (part == "database", no_storage)


def test_each_part_hung_and_gone(house: House, record_property: Callable[[str, object], None]) -> None:
    """In one test, because what is gone does not come back."""
    usual = knock(house)
    assert {name: status for name, (status, _, _) in usual.items() if status >= 500} == {}
    for part in ("cache", "bucket", "database"):
        with house.hung(part):
            check(house, part, "hung", usual, record_property)
        wait_until_usual(house, usual)
    for part in ("cache", "bucket", "database"):
        for process in processes_at(house.ports[part]):
            process.kill()
        check(house, part, "gone", usual, record_property)


@pytest.mark.parametrize("how", ["hung", "gone"])
@pytest.mark.parametrize("part", ["providers", "mail"])
def test_what_only_the_worker_asks(
    part: str, how: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Every provider, or the mail server: one that takes a connection and says nothing, and one that isn't there."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as silent:
        port = silent.getsockname()[1]
        if how == "gone":
            silent.close()
        given = dict.fromkeys(PROVIDER_URLS, f"http://127.0.0.1:{port}") | dict.fromkeys(PROVIDER_KEYS, "a key")
        if part == "mail":
            given = {"EMAIL_URL": f"smtp://127.0.0.1:{port}"}
        with live_api(tmp_path / "site", **given) as site:
            usual = dict.fromkeys(DOORS, (200, 0.0, "")) | dict.fromkeys(CREATE, (201, 0.0, ""))
            usual |= {"Runware": (400, 0.0, ""), "AI/ML API": (404, 0.0, "")}
            check(House(site, {}), part, how, usual, record_property)


def statuses(found: Usual) -> dict[str, int]:
    return {name: status for name, (status, _, _) in found.items()}


def wait_until_usual(house: House, usual: Usual, seconds: float = 20) -> None:
    """The part is asked again after a pause, and then everything is as before."""
    until = time.monotonic() + seconds
    while (now := statuses(knock(house))) != statuses(usual):
        assert time.monotonic() < until, now.items() - statuses(usual).items()
        time.sleep(1)
