"""A site of its own for tests that start real processes: its own VAR_DIR and its own database, nothing shared."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings

from tests.support.paths import ROOT
from tests.support.servers import cache_of_its_own


@dataclass(frozen=True)
class Site:
    """Run Python or manage.py against a site. ``environment`` is all that makes it this site."""

    folder: Path
    environment: dict[str, str]

    def manage(self, *arguments: str, check: bool = True, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        return self.python(str(ROOT / "manage.py"), *arguments, check=check, seconds=seconds)

    def python(self, *arguments: str, check: bool = True, seconds: float = 120) -> subprocess.CompletedProcess[str]:
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

    def ask(self, code: str) -> Any:
        """What a few lines of Python, run with Django set up, print as JSON in their last line."""
        with self._turn:
            assert self._forker.stdin
            assert self._forker.stdout
            self._forker.stdin.write(json.dumps(code) + "\n")
            self._forker.stdin.flush()
            ended, out, err = json.loads(self._forker.stdout.readline())
        assert ended == 0, f"{code}\nended {ended}:\n{out[-3000:]}\n{err[-5000:]}"
        return json.loads(out.strip().splitlines()[-1])

    @cached_property
    def _turn(self) -> threading.Lock:
        return threading.Lock()

    @cached_property
    def _forker(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.support.forker"],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        """End what answers ``ask``."""
        if forker := self.__dict__.pop("_forker", None):
            forker.communicate(timeout=60)


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
    folder = Path(tempfile.gettempdir()) / f"studio-migrated-{os.getuid()}-{_migrations_hash()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            _migrate_file(folder)
            (folder / "done").touch()
    return folder / "db.sqlite3"


def _migrations_hash() -> str:
    """Of our migrations, and of the libraries that bring others and the settings that ask for them."""
    ours = (file for app in ("avatarsite", "billing", "studio") for file in (ROOT / app).rglob("migrations/*.py"))
    files = [*sorted(ours), ROOT / "requirements-dev.lock", ROOT / "avatarsite" / "settings.py"]
    text = b"".join(str(file.relative_to(ROOT)).encode() + file.read_bytes() for file in files)
    return hashlib.sha256(text).hexdigest()[:16]


def _migrate_file(folder: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    environment |= {"VAR_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "avatarsite.settings"}
    (folder / "db.sqlite3").unlink(missing_ok=True)
    Site(folder, environment).manage("migrate", "-v", "0", seconds=300)
    with sqlite3.connect(folder / "db.sqlite3") as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


def copy_of_migrated(server: str, name: str) -> None:
    """Create the database ``name`` as an empty, migrated site; the migrations run once on each server."""
    template = f"migrated_{_migrations_hash()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(hashtext(%s))", [template])  # until this connection closes
        done = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s AND datistemplate", [template])
        if not done.fetchone():
            connection.execute(f'DROP DATABASE IF EXISTS "{template}"')
            connection.execute(f'CREATE DATABASE "{template}"')
            _migrate_database(server, template)
            connection.execute(f'ALTER DATABASE "{template}" IS_TEMPLATE true')
        connection.execute(f'DROP DATABASE IF EXISTS "{name}"')
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')


def _migrate_database(server: str, name: str) -> None:
    with tempfile.TemporaryDirectory(prefix="studio-site-") as folder:
        environment = os.environ | {"VAR_DIR": folder, "DATABASE_URL": _address(server, name)}
        environment |= {"DJANGO_SETTINGS_MODULE": "avatarsite.settings"}
        Site(Path(folder), environment).manage("migrate", "-v", "0", seconds=600)


def _address(server: str, name: str) -> str:
    return server.rsplit("/", 1)[0] + f"/{name}"


def _administer(server: str, statement: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(statement)
