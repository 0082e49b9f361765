"""A site of its own for tests that start real processes: its own VAR_DIR and its own database, nothing shared."""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import IO, Any

import psycopg
from django.conf import settings

from tests.support.paths import ROOT
from tests.support.servers import cache_of_its_own, postgres_programs


@dataclass(frozen=True)
class Site:
    """Run Python or manage.py against a site. ``environment`` is all that makes it this site."""

    folder: Path
    environment: dict[str, str]

    def manage(self, *arguments: str, check: bool = True, seconds: float = 300) -> subprocess.CompletedProcess[str]:
        return self.python(str(ROOT / "manage.py"), *arguments, check=check, seconds=seconds)

    def python(self, *arguments: str, check: bool = True, seconds: float = 300) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"{arguments} ended {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-5000:]}")
        return done

    def start(self, *arguments: str, log: str) -> subprocess.Popen[bytes]:
        with (self.folder / log).open("wb") as output:
            return subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """What the database itself says, asked many times where starting Python each time would take too long."""
        if address := self.environment.get("DATABASE_URL"):
            with psycopg.connect(address) as server:
                return server.execute(query.replace("?", "%s").encode(), parameters).fetchall()
        with closing(sqlite3.connect(f"file:{self.folder}/db.sqlite3?mode=ro", uri=True, timeout=20)) as file:
            return file.execute(query, parameters).fetchall()

    def serve(self, *arguments: str, log: str) -> Forked:
        """As ``start``, of a file of Python; a fork, so that it costs no start of Python."""
        pid: int = self._tell({"start": arguments, "log": str(self.folder / log)})
        return Forked(self, pid, list(arguments))

    def ask(self, code: str) -> Any:
        """What a few lines of Python, run with Django set up, print as JSON in their last line."""
        ended, out, err = self._tell({"ask": code})
        assert ended == 0, f"{code}\nended {ended}:\n{out[-3000:]}\n{err[-5000:]}"
        return json.loads(out.strip().splitlines()[-1])

    def ended(self, pid: int) -> int | None:
        """The code that a process of ``serve`` ended with, which may be asked until it has; None while it runs."""
        code: int | None = self._tell({"ended": pid})
        return code

    def _tell(self, line: dict[str, Any]) -> Any:
        with self._turn:
            self._forker.write(json.dumps(line) + "\n")
            self._forker.flush()
            return json.loads(self._forker.readline())

    @cached_property
    def _turn(self) -> threading.Lock:
        return threading.Lock()

    @cached_property
    def _forker(self) -> IO[str]:
        return self._line.makefile("rw")

    @cached_property
    def _line(self) -> socket.socket:
        ours, its = socket.socketpair()
        with its:
            environment = json.dumps(self.environment).encode()
            socket.send_fds(_forkers(*map(self.environment.get, PRELOADED)), [environment], [its.fileno()])
        return ours

    def close(self) -> None:
        """End what answers ``ask`` and has begun what ``serve`` began."""
        if line := self.__dict__.pop("_line", None):
            with line, self._forker as answers:
                line.shutdown(socket.SHUT_WR)
                line.settimeout(60)
                assert answers.read() == ""
            del self.__dict__["_forker"]


# What a process has been started with for good.
PRELOADED = ("LD_PRELOAD", "STEPPED_CLOCK")


@cache
def _forkers(*preloaded: str | None) -> socket.socket:
    """Where an environment is sent, with a socket, for a fork that has it: for all sites of this process."""
    ours, its = socket.socketpair(type=socket.SOCK_SEQPACKET)
    given = {name: value for name, value in zip(PRELOADED, preloaded, strict=True) if value is not None}
    with its:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.forker", str(its.fileno())],
            cwd=ROOT,
            env=os.environ | given,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[its.fileno()],
        )
    atexit.register(_end, process, ours)
    return ours


def _end(process: subprocess.Popen[bytes], door: socket.socket) -> None:
    door.close()
    process.wait(60)


@dataclass
class Forked:
    """A process of a site, as ``subprocess.Popen`` has one."""

    site: Site
    pid: int
    args: list[str]
    returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self.site.ended(self.pid)
        return self.returncode

    def wait(self, timeout: float = 60.0) -> int:
        ends = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > ends:
                raise subprocess.TimeoutExpired(self.args, timeout)
            time.sleep(0.05)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


Started = subprocess.Popen[bytes] | Forked


@contextmanager
def fresh_site(
    folder: Path, *, server: str | None = None, through: str | None = None, **variables: str
) -> Iterator[Site]:
    """A migrated site on SQLite, or on a new database of ``server`` or of the parts that the tests run against.

    Its processes reach the server by the pooler ``through``, if there is one.
    """
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    environment |= {"DJANGO_SETTINGS_MODULE": "avatarsite.settings", "VAR_DIR": str(folder)}
    environment |= _shared_parts() | variables
    server = server or settings.DATABASE_URL
    if not server:
        shutil.copy(migrated_file(), folder / "db.sqlite3")
        with closing(Site(folder, environment)) as site:
            yield site
        return
    name = f"site_{uuid.uuid4().hex[:12]}"
    copy_of_migrated(server, name)
    try:
        with closing(Site(folder, environment | {"DATABASE_URL": _address(through or server, name)})) as site:
            yield site
    finally:
        _administer(server, f'DROP DATABASE "{name}" WITH (FORCE)')


def _shared_parts() -> dict[str, str]:
    """A cache of its own of the Valkey, and a folder of the bucket, on which the tests run."""
    cache = {"REDIS_URL": cache_of_its_own(os.environ["REDIS_URL"])} if os.environ.get("REDIS_URL") else {}
    return cache | ({"S3_PREFIX": f"site-{uuid.uuid4().hex[:12]}"} if os.environ.get("S3_BUCKET") else {})


@cache
def migrated_file() -> Path:
    """An empty SQLite site, migrated once for these migrations on this machine, and copied for whoever needs one."""
    return _made_once("db.sqlite3", _migrate_file)


def _made_once(name: str, make: Callable[[Path], None]) -> Path:
    """What ``make`` writes into the file that it is given, by whoever of this machine comes first."""
    folder = Path(tempfile.gettempdir()) / f"studio-migrated-{os.getuid()}-{_migrations_hash()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / name).exists():
            with tempfile.TemporaryDirectory(dir=folder) as made:
                make(Path(made) / name)
                (Path(made) / name).replace(folder / name)
    return folder / name


@cache
def _migrations_hash() -> str:
    """Of our migrations, and of the libraries that bring others and the settings that ask for them."""
    ours = (file for app in ("avatarsite", "billing", "studio") for file in (ROOT / app).rglob("migrations/*.py"))
    files = [*sorted(ours), ROOT / "requirements-dev.lock", ROOT / "avatarsite" / "settings.py"]
    text = b"".join(str(file.relative_to(ROOT)).encode() + file.read_bytes() for file in files)
    return hashlib.sha256(text).hexdigest()[:16]


def _migrate_file(path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    environment |= {"VAR_DIR": str(path.parent), "DJANGO_SETTINGS_MODULE": "avatarsite.settings"}
    Site(path.parent, environment).manage("migrate", "-v", "0", seconds=600)
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def copy_of_migrated(server: str, name: str) -> None:
    """Create the database ``name`` as an empty, migrated site; the migrations run once on this machine."""
    template = f"migrated_{_migrations_hash()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(hashtext(%s))", [template])  # until this connection closes
        done = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s AND datistemplate", [template])
        if not done.fetchone():
            connection.execute(f'DROP DATABASE IF EXISTS "{template}"')
            connection.execute(f'CREATE DATABASE "{template}"')
            _restore(server, template)
            connection.execute(f'ALTER DATABASE "{template}" IS_TEMPLATE true')
        connection.execute(f'DROP DATABASE IF EXISTS "{name}"')
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')


def _restore(server: str, name: str) -> None:
    dump = _made_once("postgres.dump", lambda path: _dump_migrated(server, path))
    _run_program("pg_restore", "--exit-on-error", "--no-owner", "-d", _address(server, name), str(dump))


def _dump_migrated(server: str, path: Path) -> None:
    address = _address(server, "being_migrated")
    environment = os.environ | {"VAR_DIR": str(path.parent), "DATABASE_URL": address}
    environment |= {"DJANGO_SETTINGS_MODULE": "avatarsite.settings"}
    _administer(server, "CREATE DATABASE being_migrated")
    try:
        Site(path.parent, environment).manage("migrate", "-v", "0", seconds=600)
        _run_program("pg_dump", "--format=custom", "--compress=0", "-f", str(path), address)
    finally:
        _administer(server, "DROP DATABASE being_migrated WITH (FORCE)")


def _run_program(program: str, *arguments: str) -> None:
    done = subprocess.run(
        [postgres_programs() / program, *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, f"{program} ended {done.returncode}:\n{done.stderr[-3000:]}"


def _address(server: str, name: str) -> str:
    return server.rsplit("/", 1)[0] + f"/{name}"


def _administer(server: str, statement: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(statement)
