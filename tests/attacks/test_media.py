"""Twenty hostile files at once at each way in, by one customer, and what another sees of it meanwhile."""

from __future__ import annotations

import base64
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import httpx
import psutil
import pytest

from tests.attacks.table import row
from tests.corpus import hostile, pictures
from tests.corpus.hostile import HOSTILE
from tests.studio.api.live import MOVE_IN, LiveApi, live_api

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("attack-media")]

AT_ONCE = 20
LEAST_SECONDS = 6.0
MEDIAN_SECONDS, WORST_SECONDS, UPLOAD_SECONDS = 0.5, 2.5, 10.0  # on two cores that this test keeps busy itself
MOST_BYTES = 1_200_000_000
TITLE = "hostile files × each way in"
FAL = "fal-ai/kling-video/ai-avatar/v2/standard"
# What takes the longest and the most, beside what is refused at once.
NAMES = (
    "scans within the limit.jpg",
    "comments.gif",
    "comments.jpg",
    "restarts.jpg",
    "stsz, one size.m4a",
    "tracks.m4a",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    with live_api(tmp_path_factory.mktemp("media") / "site", worker=True) as live:
        yield live


def attack_files() -> list[tuple[str, bytes]]:
    """A kind and bytes; each its own, or the second would be known already."""
    by_name = {file.name: file for file in HOSTILE}
    made = [(by_name[name].kind, by_name[name].make()) for name in NAMES]
    made.append(("portrait", hostile.short_scans(99, side=7_900)))
    found = []
    for number in range(AT_ONCE):
        kind, data = made[number % len(made)]
        found.append((kind, data + f"<!-- {number} {time.time_ns()} -->".encode()))
    return found


Way = Callable[[LiveApi, httpx.Client, str, bytes], httpx.Response]


def by_upload(_site: LiveApi, client: httpx.Client, kind: str, data: bytes) -> httpx.Response:
    return client.post("uploads", data={"kind": kind}, files={"file": ("file", data)})


def by_data_uri(site: LiveApi, client: httpx.Client, kind: str, data: bytes) -> httpx.Response:
    uri = "data:application/octet-stream;base64," + base64.b64encode(data).decode()
    body = {"image_url": site.alice["portrait"], "audio_url": site.alice["voice"]}
    body["image_url" if kind == "portrait" else "audio_url"] = uri
    headers = {"Authorization": f"Key {site.alice['test_token']}"}
    return client.post(f"{site.address}/compat/fal/{FAL}", json=body, headers=headers)


WAYS: dict[str, Way] = {"upload": by_upload, "data URI": by_data_uri}
# fal takes a request into its queue, and says at its end what was wrong.
SAID = {"upload": 422, "data URI": 200}


def service_bytes(site: LiveApi) -> int:
    """Of web, worker and sandbox with all that they have started: what is shared counts once (PSS)."""
    roots = [psutil.Process(process.pid) for process in site.started if process.poll() is None]
    ours = {one for root in roots for one in [root, *root.children(recursive=True)]}
    folder = str(site.site.folder)
    for process in psutil.process_iter(["cmdline"]):
        if "studio.media.sandbox.server" in (process.info["cmdline"] or []) and folder in str(process.environ()):
            ours |= {process, *process.children(recursive=True)}
    total = 0
    for process in ours:
        try:
            total += process.memory_full_info().pss
        except psutil.Error:
            continue  # it has just ended
    return total


class Neighbour(threading.Thread):
    """Another customer, who looks at two pages and uploads, for as long as the attack lasts."""

    def __init__(self, site: LiveApi, token: str) -> None:
        super().__init__(daemon=True)
        self._site, self._token = site, token
        self.over = threading.Event()
        self.pages: list[float] = []
        self.uploads: list[float] = []
        self.bytes = [service_bytes(site)]
        self.wrong: list[str] = []

    def run(self) -> None:
        with self._site.client(self._token) as client:
            while not self.over.is_set():
                for path in ("/healthz", "/account/login/"):
                    self._ask(self.pages, partial(client.get, f"{self._site.address}{path}"), 200)
                picture = pictures.jpeg(600, 600) + str(time.time_ns()).encode()
                form = {"data": {"kind": "portrait"}, "files": {"file": ("me.jpg", picture)}}
                self._ask(self.uploads, partial(client.post, "uploads", **form), 201)
                self.bytes.append(service_bytes(self._site))
                time.sleep(0.2)

    def _ask(self, times: list[float], ask: Callable[[], httpx.Response], expected: int) -> None:
        began = time.monotonic()
        answer = ask()
        times.append(time.monotonic() - began)
        if answer.status_code != expected:
            self.wrong.append(f"{answer.request.url} {answer.status_code} {answer.text[:200]}")


@pytest.mark.parametrize("way", WAYS)
def test_hostile_files_stay_their_customers_own(
    site: LiveApi, way: str, record_property: Callable[[str, object], None]
) -> None:
    bob = site.site.ask(MOVE_IN.format(name="Bob" + way.replace(" ", ""), credit=5_000_000))
    neighbour = Neighbour(site, bob["token"])
    with site.client() as client, ThreadPoolExecutor(AT_ONCE) as pool:
        client.timeout = httpx.Timeout(120)
        neighbour.start()
        began, answers = time.monotonic(), []
        while time.monotonic() - began < LEAST_SECONDS:
            files = attack_files()
            answers += list(pool.map(lambda file: WAYS[way](site, client, *file), files))
        neighbour.over.set()
        neighbour.join(60)
    pages, uploads = sorted(neighbour.pages), sorted(neighbour.uploads)
    seen = f"page {statistics.median(pages):.2f} s, worst {pages[-1]:.2f} s; upload worst {uploads[-1]:.1f} s"
    record_property(*row(TITLE, way, f"{len(answers)} files", seen, f"{max(neighbour.bytes) / 1e6:.0f} MB"))
    assert neighbour.wrong == []
    assert statistics.median(pages) < MEDIAN_SECONDS
    assert pages[-1] < WORST_SECONDS
    assert uploads[-1] < UPLOAD_SECONDS
    assert max(neighbour.bytes) < MOST_BYTES
    for answer in answers:
        assert answer.status_code in {200, 201, 422, 429, 503}, answer.text
        assert answer.json()
    assert SAID[way] in {answer.status_code for answer in answers}
    assert "Traceback" not in site.log()
