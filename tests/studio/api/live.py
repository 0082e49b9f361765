"""The API as it is deployed: `manage.py web` on the loopback over a site of its own; workers only where wanted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.browser.live_site import stop
from tests.simulators import loopback
from tests.support.servers import free_ports
from tests.support.sites import ROOT, Site, Started, fresh_site

OPEN_WITHIN = 240.0
APPLICATION = "avatarsite.wsgi.application"
SEED = "from tests.studio.api.seed import seed\nprint(json.dumps(seed({name!r}, credit_micros={credit})))"


@dataclass(frozen=True)
class LiveApi:
    """A site that answers at ``address``; ``alice`` is what ``seed`` gave."""

    site: Site
    address: str
    alice: Mapping[str, Any]
    started: list[Started]

    @property
    def api(self) -> str:
        return f"{self.address}/api/v1"

    def client(self, token: str = "", **options: Any) -> httpx.Client:
        """A program with Alice's token, or with another."""
        headers = {"Authorization": f"Bearer {token or self.alice['token']}"}
        return loopback.Client(base_url=self.api, headers=headers, timeout=30, trust_env=False, **options)

    def log(self) -> str:
        return "".join(path.read_text(errors="replace") for path in sorted(self.site.folder.glob("*.log")))


@contextmanager
def live_api(
    folder: Path,
    *,
    server: str | None = None,
    through: str | None = None,
    worker: bool = False,
    processes: int = 1,
    credit_micros: int = 5_000_000,
    application: str = APPLICATION,
    is_program: bool = False,
    **variables: str,
) -> Iterator[LiveApi]:
    """On SQLite, or on a new database of the PostgreSQL ``server``, and by the pooler ``through``.

    Its processes are forks, unless they have to be what an operator starts: ``is_program``.
    """
    (port,) = free_ports(1)
    address = f"http://127.0.0.1:{port}"
    folder.mkdir(parents=True, exist_ok=True)
    given = {"DRAFT_PRICE_PER_SECOND": "0.01", "WORKERS": "2", "PUBLIC_URL": address, **variables}
    with fresh_site(folder, server=server, through=through, **given) as site:
        begin: Callable[..., Started] = site.start if is_program else site.serve
        started = [begin(*web_command(port, processes, application), log="web.log")]
        if worker:
            started.append(begin(str(ROOT / "manage.py"), "worker", log="worker.log"))
        try:
            alice = site.ask(SEED.format(name="Alice", credit=credit_micros))
            _wait_until_open(address, started, folder)
            yield LiveApi(site, address, alice, started)
        finally:
            stop(started)


def web_command(port: int, processes: int, application: str = APPLICATION) -> list[str]:
    """The production server as docs/operations.md starts it."""
    command = [str(ROOT / "manage.py"), "web", "--bind", f"127.0.0.1:{port}", "--processes", str(processes)]
    return [*command, "--app", application]


def _wait_until_open(address: str, started: list[Started], folder: Path) -> None:
    end = time.monotonic() + OPEN_WITHIN
    while time.monotonic() < end:
        with suppress(httpx.TransportError):
            httpx.get(f"{address}/api/v1/me", timeout=10, trust_env=False)
            return
        ended = [process.args for process in started if process.poll() is not None]
        assert not ended, f"{ended} ended; the logs are in {folder}"
        time.sleep(0.1)
    raise AssertionError(f"{address} does not answer; the logs are in {folder}")
