"""PgBouncer in transaction mode before PostgreSQL: what a session would remember is not relied on; and time limits."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from tests.attacks.journey import Journeys
from tests.studio.api.live import live_api
from tests.support.machine import PGBOUNCER
from tests.support.servers import free_ports, postgres_server, running, scratch_folder
from tests.support.sites import fresh_site

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("pooler")]
SESSIONS = 8  # that the server has for all processes and threads
CONNECTED = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'"


@contextmanager
def pooler(server: str) -> Iterator[str]:
    """A PgBouncer of its own before the server; the same address by another port."""
    (port,) = free_ports(1)
    user = "nobody" if os.geteuid() == 0 else None
    with scratch_folder("pgbouncer") as folder:
        (folder / "users").write_text('"postgres" ""\n')
        lines = [
            "[databases]",
            f"* = host=127.0.0.1 port={urlsplit(server).port}",
            "[pgbouncer]",
            f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =",
            f"auth_type = trust\nauth_file = {folder / 'users'}",
            f"pool_mode = transaction\ndefault_pool_size = {SESSIONS}\nmax_client_conn = 500",
        ]
        (folder / "pgbouncer.ini").write_text("\n".join(lines) + "\n")
        if user:
            for path in (folder, *folder.iterdir()):
                shutil.chown(path, user)
        address = server.replace(f":{urlsplit(server).port}/", f":{port}/")
        command = [str(PGBOUNCER), str(folder / "pgbouncer.ini")]
        with running(
            command, log=folder / "log", answers=lambda: answers(address), stop_signal=signal.SIGINT, user=user
        ):
            yield address


def answers(address: str) -> bool:
    try:
        psycopg.connect(address, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


class Patient(httpx.HTTPTransport):
    """Asks again where it is told to, as clients do: on a busy machine all eight sessions may be taken."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        for _ in range(10):
            answer = super().handle_request(request)
            if answer.status_code != 503:
                return answer
            answer.read()
            time.sleep(float(answer.headers.get("Retry-After", "1")))
        return answer


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres_server() as url:
        yield url


def test_videos_are_made_with_eight_sessions_for_all(server: str, tmp_path: Path) -> None:
    given: dict[str, Any] = {"DATABASE_POOLED": "1", "worker": True, "processes": 2}
    with pooler(server) as through, live_api(tmp_path / "site", server=server, through=through, **given) as site:
        with site.client(transport=Patient()) as client:
            journeys = Journeys()
            for _ in range(2):
                journeys.go(client)
        name = urlsplit(site.site.environment["DATABASE_URL"]).path.strip("/")
        with psycopg.connect(server) as direct:
            assert (direct.execute(CONNECTED, [name]).fetchone() or [99])[0] <= SESSIONS
        site.site.manage("verify_ledger")
        site.site.manage("verify_storage")
        assert "Traceback" not in site.log()


LONG = """
from django.db import connection, OperationalError
from django.db import transaction
def told(statement):
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return str(cursor.fetchone()[0])
    except OperationalError as error:
        return str(error).splitlines()[0]
print(json.dumps([told("SELECT pg_sleep(3)"), told("SHOW idle_in_transaction_session_timeout")]))
"""


@pytest.mark.parametrize(
    ("seconds", "said"),
    [("1", ["canceling statement due to statement timeout", "1s"]), ("0", ["", "0"])],
)
def test_a_statement_has_its_time(seconds: str, said: list[str], server: str, tmp_path: Path) -> None:
    with fresh_site(tmp_path, server=server, DATABASE_STATEMENT_SECONDS=seconds) as site:
        assert site.ask(LONG) == said
