"""What is older than its workspace keeps is deleted: told of before, and never what is in use."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from avatarsite.audit.models import AuditEntry
from avatarsite.mail.sender import send_due
from avatarsite.queue import due_rows
from avatarsite.workspaces.models import Workspace
from avatarsite.workspaces.tokens import make_token
from billing.verify import verification
from studio.captions.change import set_captions
from studio.captions.make import make_captions
from studio.captions.wish import Wish
from studio.lifecycle.old import keep_retention
from studio.models import CaptionSource, Project, Render, Retention, ShareLink, StoredFile, Upload
from studio.pipeline.drive import drive
from studio.sharing.links import Terms, make_link
from studio.storage_audit import verify_storage
from studio.videos.retention import GRACE, NOTICE, set_retention
from tests.conftest import Cast
from tests.flows.cast import Studio, ask, make_studio
from tests.studio.conftest import files_in

pytestmark = pytest.mark.django_db
DAYS = 30


@pytest.fixture
def studio(cast: Cast, media: Path) -> Studio:
    return make_studio(slug=cast.workspace.slug)


def age(workspace: Workspace, days: int) -> None:
    """Everything was made so many days ago."""
    moment = timezone.now() - timedelta(days=days)
    Render.objects.filter(workspace=workspace, finished_at__isnull=False).update(finished_at=moment)
    Upload.objects.filter(workspace=workspace).update(created_at=moment)


def on(workspace: Workspace, user: Any, *, since: timedelta = GRACE, told: timedelta | None = NOTICE) -> None:
    set_retention(workspace, DAYS, user=user)
    now = timezone.now()
    told_at = None if told is None else now - told
    Retention.objects.update(since=now - since, told_at=told_at, next_try_at=now)


def run(workspace: Workspace, callbacks: DjangoCaptureOnCommitCallbacks) -> None:
    Retention.objects.update(next_try_at=timezone.now())
    with callbacks(execute=True):
        keep_retention(workspace.pk)


def test_it_is_off_at_first_and_set_by_owners_alone(studio: Studio, cast: Cast) -> None:
    page = reverse("workspace_data", kwargs={"workspace": cast.workspace.slug})
    assert [cast.browser(who).post(page, {"days": 5}).status_code for who in (cast.dora, cast.bob)] == [403, 403]
    alice = cast.browser(cast.alice)
    assert not Retention.objects.exists()
    assert alice.post(page, {"days": 0}).status_code == 422
    assert alice.post(page, {"days": 4000}).status_code == 422
    assert alice.post(page, {"days": 45}).status_code == 302
    assert str(Retention.objects.get()) == "45 days"
    assert (
        "deleted after 45 days"
        in alice.get(reverse("workspace_settings", kwargs={"workspace": cast.workspace.slug})).content.decode()
    )
    assert alice.post(page, {"days": ""}).status_code == 302
    assert not Retention.objects.exists()
    assert list(AuditEntry.objects.filter(event="retention.set").order_by("pk").values_list("what", flat=True)) == [
        "Videos and uploads are deleted after 45 days",
        "Videos and uploads are kept until somebody deletes them",
    ]


def test_the_api_says_it(studio: Studio, cast: Cast) -> None:
    _, key = make_token(cast.workspace, user=cast.alice, name="t", scopes=["read"])
    client = cast.browser()
    told = client.get("/api/v1/storage", headers={"Authorization": f"Bearer {key}"}).json()
    assert told["kept_days"] is None
    set_retention(cast.workspace, DAYS, user=cast.alice)
    told = client.get("/api/v1/storage", headers={"Authorization": f"Bearer {key}"}).json()
    assert told["kept_days"] == DAYS


def test_pages_say_when(studio: Studio, cast: Cast) -> None:
    video = ask(studio)
    alice = cast.browser(cast.alice)
    page = reverse("video", kwargs={"workspace": cast.workspace.slug, "render": video.pk})
    uploads = reverse("uploads", kwargs={"workspace": cast.workspace.slug})
    assert "<dt>Deleted</dt>" not in alice.get(page).content.decode()
    set_retention(cast.workspace, DAYS, user=cast.alice)
    assert "30 days after it has ended" in alice.get(page).content.decode()
    drive(video.pk)
    finished_at = Render.objects.get(pk=video.pk).finished_at
    assert finished_at is not None
    ends = finished_at + timedelta(days=DAYS)
    assert f"On {ends:%-d %b %Y}: this workspace keeps videos for 30 days" in alice.get(page).content.decode()
    assert f"Deleted once nothing uses it, from {ends:%-d %b %Y} on" in alice.get(uploads).content.decode()


def test_what_is_too_old_goes_to_the_last_file(
    studio: Studio, cast: Cast, media: Path, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    video = ask(studio)
    drive(video.pk)
    video.refresh_from_db()
    with django_capture_on_commit_callbacks(execute=True):
        set_captions(video, Wish(CaptionSource.TEXT, text="Hello there"))
        make_captions(video.pk)
    make_link(video, Terms(), user=cast.alice)
    assert len(files_in(media)) > 5
    on(cast.workspace, cast.alice)
    age(cast.workspace, DAYS - 1)
    run(cast.workspace, django_capture_on_commit_callbacks)
    assert Render.objects.count() == 1
    age(cast.workspace, DAYS)
    run(cast.workspace, django_capture_on_commit_callbacks)
    assert (Render.objects.count(), ShareLink.objects.count(), Upload.objects.count()) == (0, 0, 0)
    assert (files_in(media), StoredFile.objects.count()) == ([], 0)
    entry = AuditEntry.objects.get(event="retention.deleted")
    assert (entry.what, entry.actor_kind) == (
        "Deleted because they were older than 30 days: 1 video and 2 uploads",
        "system",
    )
    assert (verification.verify(), verify_storage()) == ([], [])


def test_what_is_in_use_stays(
    studio: Studio, cast: Cast, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    running = ask(studio)
    on(cast.workspace, cast.alice)
    age(cast.workspace, 1000)
    run(cast.workspace, django_capture_on_commit_callbacks)
    assert (Render.objects.get(), Upload.objects.count()) == (running, 2)
    drive(running.pk)
    running.refresh_from_db()
    assert running.state == "ready"
    Project.objects.update(portrait=studio.portrait)
    age(cast.workspace, 1000)
    run(cast.workspace, django_capture_on_commit_callbacks)
    assert (Render.objects.count(), list(Upload.objects.all())) == (0, [studio.portrait])


def test_what_waits_or_is_at_work_holds_its_upload(
    studio: Studio, cast: Cast, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    """Whatever row that falls due names an upload: a client's request that still fetches, here."""
    from studio.gateway.models import GatewayRequest  # noqa: PLC0415

    waits = GatewayRequest.objects.create(
        workspace=cast.workspace, protocol="fal", reference="r", model="m", portrait=studio.portrait,
        next_try_at=timezone.now() + timedelta(minutes=1),
    )  # fmt: skip
    on(cast.workspace, cast.alice)
    age(cast.workspace, 1000)
    run(cast.workspace, django_capture_on_commit_callbacks)
    assert list(Upload.objects.all()) == [studio.portrait]
    GatewayRequest.objects.update(next_try_at=None, created_at=timezone.now() - timedelta(days=1000))
    run(cast.workspace, django_capture_on_commit_callbacks)
    assert not Upload.objects.exists()
    assert not GatewayRequest.objects.filter(pk=waits.pk).exists()


def test_owners_and_admins_have_a_mail_days_before_the_first_deletion(
    studio: Studio, cast: Cast, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    video = ask(studio)
    drive(video.pk)
    age(cast.workspace, 1000)
    on(cast.workspace, cast.alice, since=timedelta(), told=None)
    run(cast.workspace, django_capture_on_commit_callbacks)
    assert (Render.objects.count(), Retention.objects.get().told_at) == (1, None)
    Retention.objects.update(since=timezone.now() - GRACE + NOTICE)
    run(cast.workspace, django_capture_on_commit_callbacks)
    row = Retention.objects.get()
    assert row.told_at is not None
    assert list(due_rows.kinds["retention"].due()) == []
    send_due()
    first = row.told_at + NOTICE
    assert sorted(letter.to[0] for letter in mail.outbox) == [cast.alice.email, cast.dora.email]
    assert mail.outbox[0].subject == f"From {first:%-d %B} on, {cast.workspace} deletes what is older than 30 days"
    assert "up to 1 video and 2 uploads" in mail.outbox[0].body
    # However late the sweep is, nothing goes before the promised days after the mail.
    Retention.objects.update(since=timezone.now() - GRACE * 2)
    run(cast.workspace, django_capture_on_commit_callbacks)
    assert Render.objects.count() == 1
    Retention.objects.update(told_at=timezone.now() - NOTICE)
    run(cast.workspace, django_capture_on_commit_callbacks)
    assert Render.objects.count() == 0


def test_another_number_of_days_begins_anew(studio: Studio, cast: Cast) -> None:
    on(cast.workspace, cast.alice)
    set_retention(cast.workspace, 5, user=cast.alice)
    row = Retention.objects.get()
    assert (row.days, row.told_at) == (5, None)
    assert timezone.now() - row.since < timedelta(minutes=1)
    assert set_retention(cast.workspace, 5, user=cast.alice) is False
