"""Taking files into a workspace: once for the same bytes, nothing left behind by a refusal, and gone when deleted."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile, File
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.db import DatabaseError, transaction
from pytest_django import DjangoCaptureOnCommitCallbacks

from avatarsite.workspaces.models import User, Workspace
from billing.prices import price_book
from studio.models import Project, Upload, UploadKind
from studio.pipeline.request import take as taking
from studio.pipeline.request.render_request import RenderRequest
from studio.storage.filenames import clean_name, download_name
from studio.storage.local import PrivateFiles
from studio.uploads import add
from studio.uploads.add import Refusal, UploadRefused, add_upload, check_pair, delete_upload
from tests.corpus import pictures, sounds
from tests.corpus.bad import Bad
from tests.corpus.bad_portraits import PORTRAITS
from tests.corpus.bad_voices import VOICES
from tests.studio.conftest import files_in
from tests.support.paths import SAMPLES

pytestmark = pytest.mark.django_db
PORTRAIT = (SAMPLES / "portrait.jpg").read_bytes()
VOICE = (SAMPLES / "voice-welcome.mp3").read_bytes()


def take(workspace: Workspace, data: bytes, kind: UploadKind = UploadKind.PORTRAIT, name: str = "it") -> Upload:
    return add_upload(workspace, kind=kind, file=ContentFile(data), name=name)


def other_workspace() -> Workspace:
    return Workspace.objects.create(slug="elsewhere", name="Elsewhere")


def test_a_portrait_is_stored_clean_under_its_own_id(workspace: Workspace, alice: User, media: Path) -> None:
    data = pictures.jpeg(exif=pictures.exif(6, place=True))
    upload = add_upload(
        workspace, kind=UploadKind.PORTRAIT, file=ContentFile(data), name="C:\\photos\\me.jpg", user=alice
    )
    upload.refresh_from_db()
    assert upload.file.name == f"w/{workspace.pk}/uploads/{upload.pk}.jpg"
    assert files_in(media) == [upload.file.name, upload.details["thumbnail"]]
    stored = (media / upload.file.name).read_bytes()
    assert b"Telltale" not in stored
    assert (upload.name, upload.created_by, upload.content_type) == ("me.jpg", alice, "image/jpeg")
    assert (upload.width, upload.height, upload.duration_ms) == (500, 400, None)
    assert upload.bytes == len(stored)
    assert upload.sha256 == hashlib.sha256(data).hexdigest()
    assert sorted(upload.details) == ["changes", "face", "format", "thumbnail", "warnings"]


def test_a_voice_is_stored_as_it_came(workspace: Workspace, media: Path) -> None:
    upload = take(workspace, VOICE, UploadKind.VOICE, "welcome.mp3")
    upload.refresh_from_db()
    assert (media / upload.file.name).read_bytes() == VOICE
    assert upload.file.name == f"w/{workspace.pk}/uploads/{upload.pk}.mp3"
    assert (upload.duration_ms, upload.content_type, upload.bytes) == (8417, "audio/mpeg", len(VOICE))
    assert (upload.width, upload.height) == (None, None)
    assert len(upload.details["peaks"]) == 200


def test_a_file_that_django_has_put_on_disk_is_taken_too(workspace: Workspace, media: Path) -> None:
    with TemporaryUploadedFile("big.mp3", "audio/mpeg", len(VOICE), None) as file:
        file.write(VOICE)
        file.seek(0)
        upload = add_upload(workspace, kind=UploadKind.VOICE, file=file, name=file.name or "")
    assert upload.name == "big.mp3"
    assert (media / upload.file.name).read_bytes() == VOICE


def test_the_same_bytes_are_one_row_and_one_file(workspace: Workspace, media: Path) -> None:
    first = take(workspace, PORTRAIT, name="first.jpg")
    second = take(workspace, PORTRAIT, name="second.jpg")
    assert (second.pk, second.name) == (first.pk, "first.jpg")
    assert Upload.objects.count() == 1
    assert files_in(media) == [first.file.name, first.details["thumbnail"]]


def test_another_workspace_has_its_own_copy(workspace: Workspace, media: Path) -> None:
    ours, theirs = take(workspace, PORTRAIT), take(other_workspace(), PORTRAIT)
    assert ours.pk != theirs.pk
    assert len(files_in(media)) == 4


@pytest.mark.django_db(transaction=True)
def test_of_two_uploads_at_once_the_first_wins(
    workspace: Workspace, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one comes while ours is being stored, after we have looked whether the bytes are known."""
    save = PrivateFiles.save
    rivals: list[Upload] = []

    def save_while_another_is_faster(storage: PrivateFiles, name: str, content: File[Any]) -> str:
        if not rivals:
            monkeypatch.setattr(PrivateFiles, "save", save)
            rivals.append(take(workspace, PORTRAIT, name="rival.jpg"))
        return save(storage, name, content)

    monkeypatch.setattr(PrivateFiles, "save", save_while_another_is_faster)
    ours = take(workspace, PORTRAIT, name="ours.jpg")
    assert (ours.pk, ours.name) == (rivals[0].pk, "rival.jpg")
    assert Upload.objects.count() == 1
    assert files_in(media) == [ours.file.name, ours.details["thumbnail"]]


@pytest.mark.django_db(transaction=True)
def test_no_file_stays_when_its_row_cannot_be_written(
    workspace: Workspace, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Upload, **_: Any) -> None:
        raise DatabaseError("the disk of the database is full")

    monkeypatch.setattr(Upload, "save", refuse)
    with pytest.raises(DatabaseError):
        take(workspace, PORTRAIT)
    assert files_in(media) == []


@pytest.mark.django_db(transaction=True)
def test_a_lost_race_does_not_break_the_transaction_around_it(
    workspace: Workspace, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = take(workspace, PORTRAIT)
    looks = iter([None, first])
    monkeypatch.setattr(add, "_same_bytes", lambda *_: next(looks))
    with transaction.atomic():
        assert take(workspace, PORTRAIT) == first
        assert Upload.objects.count() == 1
    assert files_in(media) == [first.file.name, first.details["thumbnail"]]


@pytest.mark.parametrize(
    ("kind", "bad"),
    [(UploadKind.PORTRAIT, bad) for bad in PORTRAITS] + [(UploadKind.VOICE, bad) for bad in VOICES],
    ids=lambda value: value.name if isinstance(value, Bad) else value,
)
def test_a_bad_file_leaves_nothing_behind(kind: UploadKind, bad: Bad, media: Path) -> None:
    """In a workspace that isn't even saved: a refusal doesn't need it."""
    with pytest.raises(UploadRefused) as refused:
        take(Workspace(id="ws_unsaved"), bad.make(), kind, bad.name)
    assert (refused.value.field, refused.value.code) == (kind, bad.code)
    assert files_in(media) == []
    assert Upload.objects.count() == 0


def test_a_good_file_is_taken_under_any_name(workspace: Workspace, media: Path) -> None:
    assert take(workspace, PORTRAIT, name="portrait.mp3").content_type == "image/jpeg"
    assert take(workspace, VOICE, UploadKind.VOICE, name="voice.exe").content_type == "audio/mpeg"


def test_an_endless_upload_is_refused_at_the_limit(workspace: Workspace, media: Path) -> None:
    """Its size isn't known before, and not all of it is read."""

    class Endless(File[bytes]):
        chunks_given = 0
        size = None  # type: ignore[assignment]

        def chunks(self, chunk_size: int | None = None) -> Any:  # noqa: ARG002
            while True:
                self.chunks_given += 1
                yield bytes(1_000_000)

    endless = Endless(None)
    with pytest.raises(UploadRefused) as refused:
        add_upload(workspace, kind=UploadKind.PORTRAIT, file=endless, name="x")
    assert refused.value.code == Refusal.PORTRAIT_TOO_LARGE
    assert endless.chunks_given == 21


def test_a_pair_of_a_portrait_and_a_voice_is_fine(workspace: Workspace, media: Path) -> None:
    portrait, voice = take(workspace, PORTRAIT), take(workspace, VOICE, UploadKind.VOICE)
    assert check_pair(portrait, voice) is None


def test_a_pair_is_checked_by_todays_limits(workspace: Workspace) -> None:
    portrait = Upload(workspace=workspace, kind="portrait", name="face.jpg", width=512, height=512)
    voice = Upload(workspace=workspace, kind="voice", name="hello.mp3", duration_ms=5000)
    long_one = Upload(workspace=workspace, kind="voice", name="long.mp3", duration_ms=3_601_000)
    small = Upload(workspace=workspace, kind="portrait", name="small.jpg", width=200, height=512)
    foreign = Upload(workspace=other_workspace(), kind="voice", name="theirs.mp3", duration_ms=5000)
    expected = [
        (voice, voice, "portrait", "portrait_wrong_kind", "The portrait is a voice: “hello.mp3”. Choose a portrait."),
        (portrait, portrait, "voice", "voice_wrong_kind", "The voice is a portrait: “face.jpg”. Choose a voice."),
        (
            portrait,
            long_one,
            "voice",
            "voice_too_long",
            "The voice is 3601 s; the limit is 3600 s. Trim it or split it.",
        ),
        (
            small,
            voice,
            "portrait",
            "portrait_too_small",
            "The portrait is 200 × 512 pixels; each side must be at least 300. Choose a larger picture.",
        ),
        (
            portrait,
            foreign,
            "voice",
            "voice_elsewhere",
            "The voice belongs to another workspace than the portrait. Upload it to this workspace too.",
        ),
    ]
    for one, other, field, code, sentence in expected:
        with pytest.raises(UploadRefused) as refused:
            check_pair(one, other)
        assert (refused.value.field, refused.value.code, str(refused.value)) == (field, code, sentence)


def test_a_deleted_upload_takes_its_file_along(
    workspace: Workspace, media: Path, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    upload = take(workspace, PORTRAIT)
    with django_capture_on_commit_callbacks() as callbacks:
        delete_upload(upload)
    assert Upload.objects.count() == 0
    assert files_in(media) == [f"w/{workspace.pk}/uploads/{upload.pk}.{end}" for end in ("jpg", "thumb.webp")]
    for callback in callbacks:
        callback()
    assert files_in(media) == []
    assert delete_upload(upload) is None  # a second click


def test_what_a_video_was_made_of_is_kept(workspace: Workspace, media: Path) -> None:
    portrait, voice = take(workspace, PORTRAIT, name="face.jpg"), take(workspace, VOICE, UploadKind.VOICE, "hi.mp3")
    price_book.set_price("local:draft", cost_micros_per_second=0, price_micros_per_second=0, source="a test")
    project = Project.objects.create(workspace=workspace, name="Spring")
    for number in (1, 2):
        taking.take(RenderRequest(workspace, project, portrait, voice, title=f"Video {number}"), user=None)
    expected = {
        portrait: (Refusal.PORTRAIT_IN_USE, "The portrait “face.jpg” is used by 2 videos. Delete those first."),
        voice: (Refusal.VOICE_IN_USE, "The voice “hi.mp3” is used by 2 videos. Delete those first."),
    }
    for upload, (code, sentence) in expected.items():
        with pytest.raises(UploadRefused) as refused:
            delete_upload(upload)
        assert (refused.value.code, str(refused.value)) == (code, sentence)
    assert Upload.objects.count() == 2


def test_the_portrait_of_a_project_is_kept(workspace: Workspace, media: Path) -> None:
    upload = take(workspace, PORTRAIT, name="face.jpg")
    Project.objects.create(workspace=workspace, name="Spring", portrait=upload)
    with pytest.raises(UploadRefused) as refused:
        delete_upload(upload)
    assert (refused.value.field, refused.value.code) == ("portrait", Refusal.PORTRAIT_IN_USE)
    assert str(refused.value) == (
        "The portrait “face.jpg” is the portrait of the project “Spring”. "
        "Choose another portrait for the project first."
    )
    assert Upload.objects.count() == 1


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("portrait.jpg", "portrait.jpg"),
        ("C:\\Users\\me\\portrait.jpg", "portrait.jpg"),
        ("../../etc/passwd", "passwd"),
        ("Grüße 你好.png", "Grüße 你好.png"),
        ("a\0b\nc\td.jpg", "ab c d.jpg"),
        ("gpj.\u202eexe", "gpj.exe"),
        ("  .. ", "portrait"),
        ("", "portrait"),
        ("x" * 300 + ".jpeg", "x" * 145 + ".jpeg"),
        ("y" * 300, "y" * 150),
    ],
)
def test_a_name_is_kept_as_far_as_it_can_be(given: str, kept: str) -> None:
    assert clean_name(given, otherwise="portrait") == kept


def test_a_title_becomes_the_name_of_a_download() -> None:
    assert download_name('Welcome / "Spring": part 1?.mp4') == "Welcome - -Spring-- part 1-.mp4"
    assert download_name("\u202e") == "file"


def test_a_voice_and_a_portrait_of_the_same_bytes_are_judged_apart(workspace: Workspace, media: Path) -> None:
    take(workspace, VOICE, UploadKind.VOICE)
    with pytest.raises(UploadRefused) as refused:
        take(workspace, VOICE, UploadKind.PORTRAIT)
    assert refused.value.message == "The portrait is an MP3 sound, not a picture."


def test_a_recording_from_the_browser_is_called_a_sound(workspace: Workspace, media: Path) -> None:
    upload = take(workspace, sounds.encoded("webm", 3, live="1"), UploadKind.VOICE, "recording.webm")
    assert (upload.content_type, upload.file.name.rsplit(".", 1)[-1]) == ("audio/webm", "webm")
