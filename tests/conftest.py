from __future__ import annotations

import gc
import hashlib
import pickle
import shutil
import uuid
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import caches
from django.core.files.storage import default_storage
from django.core.servers.basehttp import ServerHandler
from django.db import connections
from django.test import Client, TransactionTestCase

from avatarsite.api import throttles
from avatarsite.outages import database
from avatarsite.outages.breaker import Breaker
from avatarsite.workspaces.models import Member, Role, User, Workspace
from studio.media import judge
from studio.media.content import check
from studio.media.portraits.portraits import read_portrait
from studio.media.sandbox import run
from studio.media.thumbnails import read_thumbnail
from studio.media.voices.voices import read_voice
from tests.attacks.table import print_rows
from tests.flows.outcomes import print_table
from tests.support.paths import ROOT
from tests.support.reset_database import empty_database
from tests.support.sites import copy_of_migrated, migrated_file

PASSWORD = "correct horse battery"
# Whoever asks for one of these talks to a server over a socket: a stand-in, a bucket, a site, a receiver.
SERVERS = {"simulator_process", "stripe_process", "live_server", "s3", "inbox", "server", "there"}
# What takes longer than ``make check`` has time for: by measured processor time, or because it decodes in the sandbox.
SLOW = (
    "tests/avatarsite/admin/test_first_page.py::test_each_card_counts_what_the_list_behind_it_shows",
    "tests/avatarsite/outbox/test_sending.py::test_a_receiver_that_is_down_for_a_day_misses_nothing",
    "tests/avatarsite/staff/test_roles.py",
    "tests/avatarsite/staff/test_view_as.py::test_nothing_but_reading_passes_at_any_url",
    "tests/avatarsite/workspaces/test_access_ends.py::test_an_invitation_takes_as_long_for_a_known_address",
    "tests/avatarsite/workspaces/test_access_ends.py::test_signing_up_takes_as_long_with_a_known_address",
    "tests/avatarsite/workspaces/test_roles_by_http.py",
    "tests/billing/reports/test_accounting.py::test_a_long_month_streams_in_flat_memory",
    "tests/billing/stateful/",
    "tests/flows/",
    "tests/simulators/",
    "tests/studio/api/test_as_code.py",
    "tests/studio/api/test_renders.py::test_a_batch_may_have_a_thousand_items_and_not_one_more",
    "tests/studio/api/test_docs.py",
    "tests/studio/gateway/test_fuzz.py",
    "tests/studio/media/",
    "tests/studio/pipeline/long/test_never_above_the_quote.py",
    "tests/studio/pipeline/test_kept_quotes.py::test_a_charge_is_by_the_quote_and_never_above_it",
)
JUDGED_ANEW = ("tests/attacks/", "tests/studio/media/", "tests/studio/uploads/test_add.py")
FOUND: dict[Any, bytes] = {}


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    """What is collected stays to the end: whoever looks for garbage need not look there, now or later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_configure() -> None:
    """What tests make in the tree is made at once.

    A child of the sandbox may not list the tree, and Python lists it again once something has come into it: then the
    child finds no module of the tests any more.
    """
    for name in ("var", ".hypothesis"):
        (ROOT / name).mkdir(exist_ok=True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """``server`` and ``slow`` are set here, the other marks by hand; docs/testing.md says what they mean."""
    other = "sqlite" if settings.DATABASE_URL else "postgresql"
    elsewhere = [item for item in items if item.get_closest_marker(other)]
    config.hook.pytest_deselected(items=elsewhere)
    items[:] = [item for item in items if item not in elsewhere]
    for item in items:
        if SERVERS.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("server")
        if item.nodeid.startswith(SLOW):
            item.add_marker("slow")


@pytest.fixture(scope="session")
def django_db_keepdb(django_db_modify_db_settings: None) -> bool:
    """The tests begin with a copy of what is migrated already."""
    name = connections["default"].creation._get_test_db_name()
    if settings.DATABASE_URL:
        copy_of_migrated(settings.DATABASE_URL, name)
    else:
        shutil.copy(migrated_file(), name)
    return True


@pytest.fixture(autouse=True, scope="session")
def _emptied_at_little_cost() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty_database)
        yield


@pytest.fixture(autouse=True)
def _files_of_its_own(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test stores its files in a folder of its own, of the disk or of the bucket."""
    if settings.S3_BUCKET:  # not by new settings: the client of a bucket is a tenth of a second
        monkeypatch.setattr(default_storage, "location", f"test-{uuid.uuid4().hex[:12]}")
        return
    settings.MEDIA_ROOT = tmp_path / "media"
    storages = deepcopy(settings.STORAGES)
    if "location" in storages["default"].get("OPTIONS", {}):
        storages["default"]["OPTIONS"] |= {"location": str(tmp_path / "media"), "durable": False}
        settings.STORAGES = storages


@pytest.fixture
def local_files(settings: Any, tmp_path: Path) -> Path:
    """Files are stored on this machine, also where the others are in a bucket; gives their folder."""
    settings.MEDIA_ROOT, settings.S3_BUCKET = tmp_path / "media", ""
    options = {"location": str(settings.MEDIA_ROOT), "allow_overwrite": True, "durable": False}
    backend = {"BACKEND": "studio.storage.local.PrivateFiles", "OPTIONS": options}
    settings.STORAGES = {**settings.STORAGES, "default": backend}
    return Path(settings.MEDIA_ROOT)


@pytest.fixture(autouse=True)
def _no_rate_limit_is_inherited() -> None:
    """allauth counts tries in the cache, which outlives a test; so does what is known to be away."""
    for each in caches.all(initialized_only=True):
        each.clear()
    for breaker in Breaker.every.values():
        breaker.reset()


@pytest.fixture
def one_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the test takes, all that it asks for is counted in the same minute of the clock."""
    monkeypatch.setattr(throttles, "time", SimpleNamespace(time=lambda: 1_795_255_200.0))


@pytest.fixture(autouse=True)
def _a_busy_machine_is_no_outage(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that is slow because the tests take all processors is not away; whoever tests that says so."""
    if settings.DATABASE_URL and not request.node.nodeid.startswith("tests/avatarsite/outages/"):
        monkeypatch.setattr(database, "PATIENCE_SECONDS", 20.0)


@pytest.fixture(autouse=True)
def _known_files_are_judged_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the sandbox has found of the same bytes before; whoever tests the sandbox asks it each time."""
    if not request.node.nodeid.startswith(JUDGED_ANEW):
        monkeypatch.setattr(judge, "run", judged_once)


def judged_once(job: Any, path: Path, *args: Any, **limits: Any) -> Any:
    asked = (job.func, *sorted(job.keywords.items())) if isinstance(job, partial) else (job,)
    if asked[0] not in (read_portrait, read_voice, read_thumbnail, check):
        return run(job, path, *args, **limits)
    with path.open("rb") as file:
        key = (*asked, hashlib.file_digest(file, "sha256").digest())
    if key not in FOUND:
        FOUND[key] = pickle.dumps(run(job, path, *args, **limits))
    return pickle.loads(FOUND[key])


@dataclass(frozen=True)
class Cast:
    """Alice owns the workspace, Bob may only look, Charlie is a stranger. Dora is an admin and Emil a member."""

    workspace: Workspace
    alice: User
    bob: User
    charlie: User
    dora: User
    emil: User

    def member(self, user: User) -> Member:
        return Member.objects.select_related("user", "workspace").get(workspace=self.workspace, user=user)

    def browser(self, user: User | None = None) -> Client:
        """A browser in which ``user`` has signed in, or nobody."""
        client = Client()
        if user:
            client.force_login(user, backend="avatarsite.workspaces.signing_in.known.SignedIn")
        return client


def person(name: str) -> User:
    return User.objects.create_user(f"{name.lower()}@example.org", PASSWORD, name=f"{name} Example")


@pytest.fixture
def cast(db: None) -> Cast:
    people = {name.lower(): person(name) for name in ("Alice", "Bob", "Charlie", "Dora", "Emil")}
    workspace = people["alice"].workspaces.get()
    roles = {"bob": Role.VIEWER, "dora": Role.ADMIN, "emil": Role.MEMBER}
    for name, role in roles.items():
        Member.objects.create(workspace=workspace, user=people[name], role=role)
    return Cast(workspace, **people)


@pytest.fixture
def alice(cast: Cast) -> User:
    return cast.alice


@pytest.fixture
def bob(cast: Cast) -> User:
    return cast.bob


@pytest.fixture
def charlie(cast: Cast) -> User:
    return cast.charlie


@pytest.fixture
def workspace(cast: Cast) -> Workspace:
    return cast.workspace


@pytest.fixture
def server_that_hangs_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Django's test server leaves connections that are kept alive unclosed behind, and that is a warning."""
    original = ServerHandler.cleanup_headers

    def hang_up(self: ServerHandler) -> None:
        original(self)
        self.headers["Connection"] = "close"
        self.request_handler.close_connection = True

    monkeypatch.setattr(ServerHandler, "cleanup_headers", hang_up)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    print_table(terminalreporter)
    print_rows(terminalreporter)
