"""Everything of a workspace in one ZIP: to the last row and the last file, for owners alone, one at a time."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.core import mail
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from avatarsite.audit.models import AuditEntry
from avatarsite.mail.sender import send_due
from avatarsite.outbox.endpoints import make_endpoint
from avatarsite.queue import due_rows
from avatarsite.queue.sweeping import sweep_kind
from avatarsite.staff.notes import add_note
from avatarsite.workspaces.models import Workspace
from avatarsite.workspaces.tokens import make_token
from studio.lifecycle import belongings, export
from studio.lifecycle.belongings import NARROWED, NOT_EXPORTED, exported
from studio.lifecycle.export import ExportRefused, ask_for_export, cancel_export, make_export
from studio.lifecycle.models import Export, ExportState
from studio.models import FileKind, FileState, Render, StoredFile
from studio.pipeline.drive import drive
from studio.sharing.links import Terms, make_link
from studio.storage import ledger
from studio.storage.ledger import room_of
from studio.storage_audit import verify_storage
from studio.videos.retention import set_retention
from studio.videos.trash import bin_video
from tests.conftest import Cast
from tests.flows.cast import ask, make_studio
from tests.studio.conftest import files_in

pytestmark = pytest.mark.django_db
# Models that have nothing to do with one workspace: of the site, of people, of libraries.
OF_NOBODY = {
    *("account.EmailAddress", "account.EmailConfirmation", "admin.LogEntry", "auth.Group", "auth.Group_permissions"),
    *("auth.Permission", "billing.Price", "billing.PromotionCode", "contenttypes.ContentType", "django_q.OrmQ"),
    *("django_q.Schedule", "django_q.Task", "inbox.InboundEvent", "legal.Acceptance", "legal.LegalText"),
    *("lifecycle.Departure", "mfa.Authenticator", "sessions.Session", "site.Alert", "site.BusyWorker", "site.Canary"),
    *("site.Lease", "site.QueueSilence", "site.ServiceNotice", "studio.OfferDay", "studio.OfferHealth"),
    *("studio.SigningCertificate", "usersessions.UserSession"),
    *("studio.ProviderBalance", "waffle.Flag", "waffle.Flag_groups", "waffle.Flag_users", "waffle.Sample"),
    *("waffle.Switch", "workspaces.User", "workspaces.User_groups", "workspaces.User_user_permissions"),
    "workspaces.Workspace",
}


@pytest.fixture
def house(cast: Cast, media: Path) -> Workspace:
    """A workspace with one of most things, and real files."""
    workspace = cast.workspace
    studio = make_studio(slug=workspace.slug)
    done = ask(studio, title="One, two")
    drive(done.pk)
    make_link(Render.objects.get(pk=done.pk), Terms(password="a password"), user=cast.alice)
    gone = ask(studio, title="Binned")
    drive(gone.pk)
    gone.refresh_from_db()
    bin_video(gone)
    make_token(workspace, user=cast.alice, name="Shop", scopes=["read"])
    make_endpoint(workspace, user=cast.alice, url="https://example.org/hook", kinds=["*"])
    add_note(workspace, "Pays late", author=cast.charlie, token=uuid4())
    set_retention(workspace, 30, user=cast.alice)
    return workspace


def made(workspace: Workspace, cast: Cast) -> Export:
    asked = ask_for_export(workspace, user=cast.alice)
    make_export(asked.pk)
    asked.refresh_from_db()
    return asked


def stored(name: str) -> bytes:
    with default_storage.open(name, "rb") as file:
        return bytes(file.read())


def opened(one: Export) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(stored(one.file)))


def test_every_model_belongs_to_a_workspace_or_is_named_as_one_that_does_not() -> None:
    every = {each._meta.label for each in apps.get_models(include_auto_created=True) if not each._meta.proxy}
    found = {each.label for each in belongings.belongings()}
    assert every - found == OF_NOBODY
    assert found >= NOT_EXPORTED.keys() | NARROWED.keys()


def test_no_secret_is_exported() -> None:
    """A new column with such a name is left out, or named by hand."""
    told = {f"{each.label}.{name}" for each in exported() for name in each.columns()}
    suspicious = ("secret", "password", "hash", "handle", "session")
    assert {name for name in told if any(word in name for word in suspicious)} == {"billing.Transfer.owner_hash"}


def test_the_manifest_has_every_row_and_every_file(house: Workspace, cast: Cast) -> None:
    one = made(house, cast)
    archive = opened(one)
    assert archive.testzip() is None
    manifest = json.loads(archive.read("manifest.json"))
    AuditEntry.objects.filter(workspace=house, event="export.made").exists()
    # What was written after its table was: the export's own end.
    late = {"audit.AuditEntry": 1, "mail.MailMessage": 1}
    for each in exported():
        rows = each.exported_of(house).count() - late.get(each.label, 0)
        told = manifest["tables"][each.label]
        lines = archive.read(told["file"]).decode().splitlines()
        assert (each.label, told["rows"], len(lines)) == (each.label, rows, rows)
        assert all(json.loads(line).keys() == set(each.columns()) for line in lines)
    assert manifest["tables"].keys() == {each.label for each in exported()}
    assert manifest["not_in_here"] == NOT_EXPORTED
    kept = StoredFile.objects.filter(workspace=house, state=FileState.KEPT)
    taken = kept.exclude(kind__in=(FileKind.EXPORT, FileKind.COPY))
    told = {entry["name"]: (entry["bytes"], entry["sha256"]) for entry in manifest["files"]}
    assert told == {row.pk: (row.bytes, hashlib.sha256(stored(row.pk)).hexdigest()) for row in taken}
    assert {entry["path"] for entry in manifest["files"]} == {n for n in archive.namelist() if n.startswith("files/")}
    for entry in manifest["files"]:
        assert hashlib.sha256(archive.read(entry["path"])).hexdigest() == entry["sha256"]
    assert (one.files, one.rows) == (len(told), sum(each["rows"] for each in manifest["tables"].values()))
    people = {person["email"]: person["role"] for person in manifest["people"]}
    assert people[cast.alice.email] == "owner"
    assert len(people) == house.memberships.count()
    assert verify_storage() == []


def test_tables_for_a_spreadsheet_name_files_that_are_there(house: Workspace, cast: Cast) -> None:
    archive = opened(made(house, cast))
    videos = list(csv.DictReader(io.StringIO(archive.read("videos.csv").decode())))
    assert [video["title"] for video in videos] == ["One, two", "Binned"]
    names = set(archive.namelist())
    assert {video[kind] for video in videos for kind in ("portrait", "voice", "video", "poster")} <= names
    lines = list(csv.DictReader(io.StringIO(archive.read("money/statement.csv").decode())))
    assert len(lines) == house.ledger_accounts.get(kind="wallet").seq
    audit = archive.read("audit.csv").decode()
    assert "retention.set" in audit
    everything = "".join(archive.read(name).decode(errors="ignore") for name in names if name.startswith("rows/"))
    assert "Pays late" not in everything
    assert "a password" not in everything


def test_its_mail_page_and_link_are_for_owners(house: Workspace, cast: Cast) -> None:
    one = made(house, cast)
    send_due()
    assert [(letter.to, letter.subject) for letter in mail.outbox] == [
        ([cast.alice.email], f"Your export of {house.name} is ready")
    ]
    page = reverse("workspace_data", kwargs={"workspace": house.slug})
    assert page in mail.outbox[0].body
    file = reverse("export_file", kwargs={"workspace": house.slug, "export": one.pk})
    alice = cast.browser(cast.alice)
    assert file in alice.get(page).content.decode()
    link = alice.get(file)
    assert link.status_code == 302
    assert int(alice.head(link["Location"])["Content-Length"]) == one.bytes
    assert [cast.browser(who).get(file).status_code for who in (cast.dora, cast.bob, cast.charlie)] == [403, 403, 404]


def test_one_at_a_time_and_cancelled(house: Workspace, cast: Cast) -> None:
    first = ask_for_export(house, user=cast.alice)
    with pytest.raises(ExportRefused):
        ask_for_export(house, user=cast.alice)
    assert (cancel_export(first), cancel_export(first)) == (True, False)
    make_export(first.pk)
    first.refresh_from_db()
    assert (first.state, first.file) == (ExportState.CANCELLED, "")


def test_what_is_cancelled_while_it_is_made_leaves_nothing(
    house: Workspace, cast: Cast, media: Path, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    monkeypatch.setattr(export, "RENEW_SECONDS", -1)
    one = ask_for_export(house, user=cast.alice)
    real, before = ledger.expect, files_in(media)

    def cancelled_meanwhile(*args: Any, **also: Any) -> None:
        real(*args, **also)
        cancel_export(one)

    monkeypatch.setattr(ledger, "expect", cancelled_meanwhile)
    with django_capture_on_commit_callbacks(execute=True):
        make_export(one.pk)
    assert files_in(media) == before
    assert not StoredFile.objects.filter(kind=FileKind.EXPORT).exists()
    assert Export.objects.get().state == ExportState.CANCELLED


def test_a_killed_worker_costs_a_try_and_a_broken_one_says_so(
    house: Workspace, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = ask_for_export(house, user=cast.alice)
    assert one.claim(export.LEASE)  # and dies
    make_export(one.pk)
    Export.objects.update(next_try_at=timezone.now())
    assert [row.pk for row in due_rows.kinds["export"].due()] == [one.pk]
    make_export(one.pk)
    one.refresh_from_db()
    assert (one.state, one.tries) == (ExportState.READY, 2)
    two = ask_for_export(house, user=cast.alice)
    monkeypatch.setattr(export, "store_stream", lambda *_: 1 / 0)
    for _ in range(export.MAX_TRIES):
        Export.objects.filter(pk=two.pk).update(next_try_at=timezone.now())
        with pytest.raises(ZeroDivisionError):
            make_export(two.pk)
    Export.objects.filter(pk=two.pk).update(next_try_at=timezone.now())
    make_export(two.pk)
    two.refresh_from_db()
    assert (two.state, two.next_try_at) == (ExportState.FAILED, None)
    assert two.why.startswith("It could not be made")


def test_it_takes_no_room_and_goes_after_a_week(
    house: Workspace, cast: Cast, media: Path, django_capture_on_commit_callbacks: Any
) -> None:
    before = room_of(house)
    one = made(house, cast)
    assert room_of(house) == before
    assert one.file in files_in(media)
    assert one.expires_at is not None
    assert one.expires_at - timezone.now() > timedelta(days=6)
    assert sweep_kind("export_file") == 0
    Export.objects.update(expires_at=timezone.now())
    with django_capture_on_commit_callbacks(execute=True):
        assert sweep_kind("export_file") == 1
    assert one.file not in files_in(media)
    one.refresh_from_db()
    assert (one.state, one.file) == (ExportState.EXPIRED, "")


def test_of_files_a_piece_at_a_time_is_in_memory(house: Workspace, cast: Cast) -> None:
    name = f"w/{house.pk}/renders/big/video.mp4"
    ledger.store(house, name, ContentFile(b"x" * 30_000_000), FileKind.VIDEO)
    ledger.keep(name)
    pieces = [len(piece) for piece in export.Archive(house).chunks()]
    assert sum(pieces) > 30_000_000
    assert max(pieces) <= 1_000_000


@pytest.mark.xdist_group("s3")
def test_in_a_bucket_too(cast: Cast, settings: Any, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.studio.conftest import use_storage  # noqa: PLC0415

    use_storage(settings, "studio.storage.s3.PrivateBucket", s3.storage_options)
    name = f"w/{cast.workspace.pk}/renders/big/video.mp4"
    ledger.store(cast.workspace, name, ContentFile(b"x" * 40_000_000), FileKind.VIDEO)
    ledger.keep(name)
    one = made(cast.workspace, cast)
    assert one.bytes > 40_000_000  # more than one part
    assert default_storage.size(one.file) == one.bytes
    assert opened(one).testzip() is None
    assert cancel_export(one)
    ledger.drop(f"w/{cast.workspace.pk}/exports/{one.pk}.zip")
    assert not default_storage.exists(f"w/{cast.workspace.pk}/exports/{one.pk}.zip")


def test_an_owners_token_exports_by_the_api(house: Workspace, cast: Cast) -> None:
    owners, others = (
        {"Authorization": f"Bearer {make_token(house, user=who, name='t', scopes=['admin'])[1]}"}
        for who in (cast.alice, cast.dora)
    )
    client = Client()
    assert client.post("/api/v1/exports", headers=others).status_code == 403
    begun = client.post("/api/v1/exports", headers=owners)
    assert (begun.status_code, begun.json()["state"], begun.json()["url"]) == (202, "making", None)
    refused = client.post("/api/v1/exports", headers=owners)
    assert (refused.status_code, refused.json()["code"]) == (409, "export_refused")
    pk = begun.json()["id"]
    make_export(pk)
    ready = client.get(f"/api/v1/exports/{pk}", headers=owners).json()
    assert int(client.head(ready["url"].split("8000")[-1])["Content-Length"]) == ready["bytes"] > 0
    assert [one["id"] for one in client.get("/api/v1/exports", headers=owners).json()["data"]] == [pk]
    gone = client.delete(f"/api/v1/exports/{pk}", headers=owners).json()
    assert (gone["state"], gone["url"]) == ("cancelled", None)
