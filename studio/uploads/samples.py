"""Samples: the portrait and the voice that come with the product, so that a first video needs no file."""

from __future__ import annotations

import hashlib
import logging
from functools import cache
from pathlib import Path

from django.conf import settings
from django.core.files import File

from avatarsite.errors import DomainError
from avatarsite.workspaces.models import User, Workspace
from studio.models import Render, Upload, UploadKind
from studio.uploads.add import add_upload

logger = logging.getLogger(__name__)

FOLDER = Path(settings.BASE_DIR) / "samples"
PORTRAIT = FOLDER / "portrait.jpg"
VOICE = FOLDER / "voice-welcome.mp3"


def add_samples(workspace: Workspace, *, user: User | None = None) -> tuple[Upload, Upload]:
    """The sample portrait and the sample voice as uploads of the workspace; the same rows when asked again."""
    return (
        _add(workspace, UploadKind.PORTRAIT, PORTRAIT, "Sample portrait.jpg", user),
        _add(workspace, UploadKind.VOICE, VOICE, "Sample voice.mp3", user),
    )


def samples_to_start_with(workspace: Workspace, *, user: User) -> tuple[Upload, Upload] | None:
    """The samples of a workspace that has nothing yet; None where there is something, or no room for them now."""
    if Upload.objects.for_workspace(workspace).exists() or Render.objects.for_workspace(workspace).exists():
        return None
    try:
        return add_samples(workspace, user=user)
    except DomainError as refusal:
        logger.warning("%s starts without the samples: %s", workspace, refusal)
        return None


def is_sample(upload: Upload) -> bool:
    """Whether it has the bytes of a sample, under whatever name."""
    return upload.sha256 in _digests()


@cache
def _digests() -> frozenset[str]:
    return frozenset(hashlib.sha256(path.read_bytes()).hexdigest() for path in (PORTRAIT, VOICE))


def _add(workspace: Workspace, kind: UploadKind, path: Path, name: str, user: User | None) -> Upload:
    with path.open("rb") as bytes_of_it:
        return add_upload(workspace, kind=kind, file=File(bytes_of_it, name=name), name=name, user=user)
