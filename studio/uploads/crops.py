"""Crops: a portrait cut to a shape is an upload of its own, and the original stays."""

from __future__ import annotations

import shutil

from django.core.files.base import ContentFile

from avatarsite.temporary_files import temporary_folder
from avatarsite.workspaces.models import User
from studio.errors import RequestRefused
from studio.media import judge
from studio.media.errors import Refusal, UploadRefused
from studio.media.portraits.crops import RATIOS, Crop, crop_of, crops_of
from studio.models import Upload, UploadKind
from studio.uploads.add import add_upload

# Where an upload's details keep what it was cut from.
DETAILS_KEY = "crop"


def possible_crops(portrait: Upload) -> list[Crop]:
    """Each shape, by what is known of the upload; those that can't be had say why. Opens no file."""
    return crops_of(portrait.width or 0, portrait.height or 0, portrait.details.get("face"))


def original_of(upload: Upload) -> Upload | None:
    """The upload that it was cut from, as long as that is there."""
    cut_from = upload.details.get(DETAILS_KEY, {}).get("of")
    return Upload.objects.filter(workspace=upload.workspace_id, pk=cut_from).first() if cut_from else None


def crop_upload(portrait: Upload, ratio: str, *, user: User | None) -> Upload:
    """The portrait in another shape; the same upload when asked again, and the portrait itself if it has the shape.

    Raises RequestRefused, UploadRefused, and what else ``add_upload`` raises.
    """
    if portrait.kind != UploadKind.PORTRAIT:
        raise UploadRefused(Refusal.PORTRAIT_WRONG_KIND, f"“{portrait.name}” is a voice.", "Choose a portrait to crop.")
    if ratio not in RATIOS:
        raise RequestRefused(
            "ratio", "unknown_ratio", f"There is no crop to {ratio!r}.", f"Choose one of {', '.join(RATIOS)}."
        )
    crop = crop_of(portrait.width or 0, portrait.height or 0, portrait.details.get("face"), ratio)
    if crop.is_whole:
        return portrait
    if crop.why_not:
        found = f"“{portrait.name}” can’t be cropped to {ratio}. {crop.why_not}"
        raise RequestRefused("ratio", "crop_impossible", found, "Choose another shape, or a larger picture.")
    return add_upload(
        portrait.workspace,
        kind=UploadKind.PORTRAIT,
        file=ContentFile(_cut(portrait, crop)),
        name=_name(portrait, ratio),
        user=user,
        details={DETAILS_KEY: {"of": portrait.pk, "ratio": ratio}},
    )


def _cut(portrait: Upload, crop: Crop) -> bytes:
    with temporary_folder("crop-") as folder:
        source = folder / "source"
        with portrait.file.open("rb") as stored, source.open("wb") as copy:
            shutil.copyfileobj(stored, copy)
        return judge.crop(source, crop, owner=portrait.workspace_id)


def _name(portrait: Upload, ratio: str) -> str:
    stem, dot, extension = portrait.name.rpartition(".")
    shape = ratio.replace(":", "x")
    return f"{stem} {shape}.{extension}" if dot and stem else f"{portrait.name} {shape}"
