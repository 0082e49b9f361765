"""The portrait and the voice that come with the product, so that a first video needs no file."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.core.files import File

from avatarsite.workspaces.models import User, Workspace
from studio.models import Upload, UploadKind
from studio.uploads import add_upload

FOLDER = Path(settings.BASE_DIR) / "samples"
PORTRAIT = FOLDER / "portrait.jpg"
VOICE = FOLDER / "voice-welcome.mp3"


def add_samples(workspace: Workspace, *, user: User | None = None) -> tuple[Upload, Upload]:
    """The sample portrait and the sample voice as uploads of the workspace; the same rows when asked again."""
    return (
        _add(workspace, UploadKind.PORTRAIT, PORTRAIT, "Sample portrait.jpg", user),
        _add(workspace, UploadKind.VOICE, VOICE, "Sample voice.mp3", user),
    )


def _add(workspace: Workspace, kind: UploadKind, path: Path, name: str, user: User | None) -> Upload:
    with path.open("rb") as bytes_of_it:
        return add_upload(workspace, kind=kind, file=File(bytes_of_it, name=name), name=name, user=user)
