"""How much a workspace stores: the count of its bytes, its limits, and what puts both right after a kill."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO
from pathlib import Path
from threading import Barrier
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import connection, connections
from django.urls import reverse
from django.utils import timezone

from avatarsite.models import Alert
from avatarsite.queue import lease
from avatarsite.workspaces.models import Workspace
from studio.library import delete_video
from studio.models import FileKind, FileState, Render, StorageUse, StoredFile, Upload, UploadKind
from studio.pipeline.drive import drive
from studio.pipeline.expire import delete_if_due
from studio.storage import ledger
from studio.storage.ledger import StorageFull, StorageTooFast, room_of, spelt
from studio.storage_audit import check_storage, verify_storage
from studio.uploads.add import add_upload, delete_upload
from studio.uploads.samples import PORTRAIT, VOICE, add_samples
from tests.conftest import Cast
from tests.flows.cast import Studio, ask, make_studio
from tests.studio import shop
from tests.studio.conftest import files_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def house(cast: Cast, media: Path) -> Workspace:
    return cast.workspace


def put(workspace: Workspace, name: str, size: int, kind: FileKind = FileKind.GATEWAY) -> str:
    return ledger.store(workspace, f"w/{workspace.pk}/gateway/{name}", ContentFile(b"x" * size), kind)


def used(workspace: Workspace) -> int:
    """The kept number, which is the sum of the rows."""
    rows = sum(StoredFile.objects.filter(workspace=workspace).values_list("bytes", flat=True))
    assert room_of(workspace).used == rows
    return rows


def on_disk(media: Path) -> int:
    return sum((media / name).stat().st_size for name in files_in(media))


def aged() -> None:
    StoredFile.objects.update(touched_at=timezone.now() - timedelta(days=2))


def test_whatever_is_stored_is_counted_and_uncounted_when_it_goes(
    house: Workspace, media: Path, django_capture_on_commit_callbacks: Any
) -> None:
    portrait, voice = add_samples(house)
    kinds = StoredFile.objects.values_list("kind", "state").order_by("kind")
    assert [*kinds] == [("thumbnail", "kept"), ("upload", "kept"), ("upload", "kept")]
    assert (used(house), verify_storage()) == (on_disk(media), [])
    add_samples(house)
    assert used(house) == on_disk(media)
    with django_capture_on_commit_callbacks(execute=True):
        delete_upload(portrait)
        delete_upload(voice)
    assert (used(house), files_in(media), StoredFile.objects.count()) == (0, [], 0)


def test_a_video_is_counted_and_never_refused(
    media: Path, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    studio: Studio = make_studio()
    settings.STORAGE_QUOTA_GB = 0.000001
    render = ask(studio)
    drive(render.pk)
    render = Render.objects.get(pk=render.pk)
    assert (render.state, used(studio.workspace), verify_storage()) == ("ready", on_disk(media), [])
    assert {*StoredFile.objects.values_list("kind", flat=True)} >= {"video", "poster"}
    with pytest.raises(StorageFull):
        put(studio.workspace, "a", 1)
    with django_capture_on_commit_callbacks(execute=True):
        delete_video(render)
    assert not StoredFile.objects.filter(kind__in=("video", "poster")).exists()
    assert (used(studio.workspace), verify_storage()) == (on_disk(media), [])


def test_files_that_are_deleted_on_time_are_uncounted(house: Workspace) -> None:
    shop.open_shop(house)
    render = shop.ready(house)
    Render.objects.filter(pk=render.pk).update(
        video=put(house, "video", 70, FileKind.VIDEO), poster="", delete_at=timezone.now()
    )
    before = used(house)
    assert delete_if_due(Render.objects.get(pk=render.pk)) is True
    assert used(house) == before - 70


def test_the_quota_is_the_settings_unless_the_workspace_has_its_own(house: Workspace, settings: Any) -> None:
    settings.STORAGE_QUOTA_GB = 0.000001  # 1,000 bytes
    put(house, "a", 600)
    with pytest.raises(StorageFull) as refused:
        put(house, "b", 401)
    assert str(refused.value) == (
        "This workspace’s files take 600 bytes of 1 kB, and there is no room for 401 bytes more. "
        "Delete videos or uploads that you no longer need, or ask us for more room. "
        "What is in the bin counts until you empty it."
    )
    assert (used(house), default_storage.exists(f"w/{house.pk}/gateway/b")) == (600, False)
    put(house, "b", 400)
    assert room_of(house).full is True
    StorageUse.objects.update(quota_gb=1, quota_reason="Pays for it")
    assert (put(house, "c", 401), str(room_of(house))) == (f"w/{house.pk}/gateway/c", "1.4 kB of 1 GB")
    StorageUse.objects.update(quota_gb=0)
    assert str(room_of(house)) == "1.4 kB"


def test_a_file_in_place_of_another_needs_room_for_the_difference(house: Workspace, settings: Any) -> None:
    settings.STORAGE_QUOTA_GB = 0.000001
    put(house, "a", 900)
    put(house, "a", 1_000)
    assert used(house) == 1_000
    put(house, "a", 100)
    assert used(house) == 100


def test_bytes_in_a_minute_have_a_limit(house: Workspace, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.STORAGE_GB_PER_MINUTE = 0.000001
    monkeypatch.setattr(ledger, "time", SimpleNamespace(time=lambda: 1_795_255_230.0))
    put(house, "a", 900)
    ledger.drop(f"w/{house.pk}/gateway/a")
    with pytest.raises(StorageTooFast, match=r"A workspace can bring 1 kB in a minute, and this would be more\. Send"):
        put(house, "b", 900)
    StorageUse.objects.update(minute=1)
    put(house, "b", 900)
    assert used(house) == 900


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_at_the_edge_one_has_room(house: Workspace, media: Path, settings: Any) -> None:
    settings.STORAGE_QUOTA_GB = 0.000001
    together = Barrier(6)

    def one(number: int) -> str:
        together.wait()
        try:
            return put(house, f"{number}", 400)
        except StorageFull:
            return ""
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        stored = sorted(filter(None, pool.map(one, range(6))))
    assert (len(stored), used(house), files_in(media)) == (2, 800, stored)


def killed(act: Callable[[], object]) -> None:
    """Do it in a process that ends by SIGKILL, as a fork that has no connection of ours."""
    connection.close()
    child = os.fork()
    if not child:
        try:
            act()
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.django_db(transaction=True)
def test_killed_between_the_bytes_and_the_row_that_names_them(
    house: Workspace, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("studio.storage.ledger.keep", die)
        killed(lambda: add_samples(house))
    left = on_disk(media)
    assert (used(house), Upload.objects.count(), left > 0, verify_storage()) == (left, 0, True, [])
    assert (ledger.sweep_files(), on_disk(media)) == (0, left)
    aged()
    assert (ledger.sweep_files(), files_in(media), used(house)) == (2, [], 0)


@pytest.mark.django_db(transaction=True)
def test_killed_while_it_is_deleted(house: Workspace, media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    portrait, _ = add_samples(house)
    name = portrait.file.name or ""
    with monkeypatch.context() as patched:
        patched.setattr("studio.storage.ledger._uncount", die)
        killed(lambda: delete_upload(portrait))
    assert (default_storage.exists(name), StoredFile.objects.get(pk=name).state) == (False, "leaving")
    aged()
    assert ledger.sweep_files() == 2
    assert (used(house), verify_storage()) == (on_disk(media), [])


def test_a_store_that_refuses_keeps_the_count(house: Workspace, media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(default_storage, "save", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            put(house, "a", 10)
    assert StoredFile.objects.get().state == FileState.LEAVING
    aged()
    assert (ledger.sweep_files(), used(house)) == (1, 0)


def test_one_file_that_cannot_be_deleted_stops_no_other(house: Workspace, media: Path) -> None:
    put(house, "bad", 10)
    put(house, "good", 10)
    bad = media / f"w/{house.pk}/gateway/bad"
    bad.unlink()
    (bad / "inside").mkdir(parents=True)
    aged()
    assert (ledger.sweep_files(), used(house)) == (1, 10)
    assert Alert.objects.get(closed_at=None).detail["thing"] == f"stored file w/{house.pk}/gateway/bad"


def test_of_a_workspace_that_is_gone_nothing_stays(media: Path, house: Workspace) -> None:
    gone = Workspace.objects.create(name="Gone", slug="gone")
    put(gone, "a", 10)
    put(house, "a", 10)
    gone.delete()
    assert (ledger.sweep_files(), files_in(media)) == (1, [f"w/{house.pk}/gateway/a"])


def test_the_look_finds_what_differs_and_mends_the_count(house: Workspace, media: Path) -> None:
    portrait, voice = add_samples(house)
    lost, uncounted = media / (portrait.file.name or ""), voice.file.name or ""
    lost.unlink()
    StoredFile.objects.filter(pk=uncounted).delete()
    stray = f"w/{house.pk}/uploads/stray.jpg"
    default_storage.save(stray, ContentFile(b"x" * 50))
    os.utime(media / stray, (0, 0))
    unnamed = put(house, "unnamed", 5)
    ledger.keep(unnamed)
    thumbnail = portrait.details["thumbnail"]
    (media / thumbnail).write_bytes(b"other")

    found = {(one.code, one.name) for one in verify_storage()}
    assert found == {
        ("row_without_file", portrait.file.name),
        ("file_without_row", uncounted),
        ("file_without_row", stray),
        ("not_named", unnamed),
        ("size_differs", thumbnail),
        ("sum_differs", ""),
    }
    assert check_storage() == 6
    assert {*Alert.objects.filter(closed_at=None).values_list("key", flat=True)} == {code for code, _ in found}
    # What is lost is lost, and told every night; all else is counted as it is.
    assert [(one.code, one.name) for one in verify_storage()] == [("row_without_file", portrait.file.name)]
    assert StoredFile.objects.get(pk=uncounted).state == FileState.KEPT
    assert used(house) == on_disk(media) + portrait.bytes
    StoredFile.objects.filter(state=FileState.COMING).update(touched_at=timezone.now() - timedelta(days=2))
    assert (ledger.sweep_files(), default_storage.exists(stray), default_storage.exists(unnamed)) == (2, False, False)
    lost.write_bytes(PORTRAIT.read_bytes())
    check_storage()
    assert (check_storage(), Alert.objects.filter(closed_at=None).count(), used(house)) == (0, 0, on_disk(media))


def test_the_command_says_what_differs(house: Workspace, media: Path) -> None:
    add_samples(house)
    said = StringIO()
    call_command("verify_storage", stdout=said)
    assert said.getvalue() == "The count agrees with the store.\n"
    StoredFile.objects.all().delete()
    StorageUse.objects.all().delete()  # as before there was a count
    for mend in (False, True):
        said = StringIO()
        with pytest.raises(SystemExit, match="1"):
            call_command("verify_storage", mend=mend, stdout=said)
        assert said.getvalue().endswith("The count is wrong in 3 places.\n")
    call_command("verify_storage", stdout=StringIO())
    assert used(house) == on_disk(media)


def test_the_page_says_how_much_is_used_and_a_full_one_what_to_do(cast: Cast, house: Workspace, settings: Any) -> None:
    owner, page = cast.browser(cast.alice), reverse("uploads", kwargs={"workspace": house.slug})
    assert "Storage: 0 bytes of 10 GB." in owner.get(page).content.decode()
    settings.STORAGE_QUOTA_GB = 0.000001
    add = reverse("upload_add", kwargs={"workspace": house.slug})
    sent = {"kind": "voice", "as": "slot", "file": SimpleUploadedFile("v.mp3", VOICE.read_bytes())}
    answer = owner.post(add, sent)
    assert (answer.status_code, Upload.objects.count(), used(house)) == (422, 0, 0)
    assert "Delete videos or uploads that you no longer need, or ask us for more room." in answer.content.decode()
    samples = owner.post(reverse("upload_samples", kwargs={"workspace": house.slug}), follow=True)
    assert "there is no room for" in samples.content.decode()
    settings.STORAGE_QUOTA_GB = 10
    put(house, "a", 1_000)
    settings.STORAGE_QUOTA_GB = 0.000001
    assert "Storage: 1 kB of 1 kB. It is full: delete" in owner.get(page).content.decode()


def test_bytes_that_are_there_already_need_no_room(house: Workspace, settings: Any) -> None:
    first, _ = add_samples(house)
    settings.STORAGE_QUOTA_GB = 0.000001
    with PORTRAIT.open("rb") as file:
        again = add_upload(house, kind=UploadKind.PORTRAIT, file=SimpleUploadedFile("a", file.read()), name="a")
    assert again == first


def test_an_operator_gives_a_workspace_a_quota_of_its_own_with_a_reason(cast: Cast, house: Workspace) -> None:
    put(house, "a", 10)
    page = reverse("admin:studio_storageuse_change", args=[house.pk])
    cast.alice.is_staff = cast.alice.is_superuser = True
    cast.alice.save()
    operator = cast.browser(cast.alice)
    assert "Write why" in operator.post(page, {"quota_gb": "50", "quota_reason": ""}).content.decode()
    assert operator.post(page, {"quota_gb": "50", "quota_reason": "Asked for it"}).status_code == 302
    assert str(room_of(house)) == "10 bytes of 50 GB"


@pytest.mark.parametrize(
    ("size", "said"),
    [(0, "0 bytes"), (999, "999 bytes"), (119_000_000, "119 MB"), (1_234_000_000, "1.2 GB"), (10**10, "10 GB")],
)
def test_sizes_are_spelt(size: int, said: str) -> None:
    assert spelt(size) == said


@pytest.mark.django_db(transaction=True)
def test_while_a_backup_is_made_no_file_goes(house: Workspace) -> None:
    name = f"w/{house.pk}/uploads/a"
    ledger.store(house, name, ContentFile(b"x" * 50), FileKind.UPLOAD)
    ledger.keep(name)
    assert lease.acquire(ledger.BACKUP, "somebody")
    ledger.let_go(name)
    StoredFile.objects.update(touched_at=timezone.now() - timedelta(days=1))
    assert (ledger.sweep_files(), default_storage.exists(name)) == (0, True)
    lease.release(ledger.BACKUP, "somebody")
    assert (ledger.sweep_files(), default_storage.exists(name), used(house)) == (1, False, 0)
