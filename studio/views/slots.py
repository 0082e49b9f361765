"""A slot: the place on the form where a portrait or a voice goes, empty or filled."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from studio.media.portraits.crops import Crop
from studio.models import Upload, UploadKind
from studio.uploads.crops import original_of, possible_crops
from studio.uploads.samples import is_sample

ACCEPTS = {
    UploadKind.PORTRAIT: "image/jpeg,image/png,image/webp,image/gif,image/avif,image/heic,.heic,.avif",
    UploadKind.VOICE: (
        "audio/*,video/mp4,video/quicktime,video/webm,.mp3,.wav,.m4a,.aac,.ogg,.oga,.opus,.flac,.webm,.mp4,.mov"
    ),
}
LIMITS = {
    UploadKind.PORTRAIT: "JPEG, PNG, WebP, GIF, AVIF or HEIC. At least 300 pixels on each side.",
    UploadKind.VOICE: "MP3, WAV, M4A, AAC, OGG or FLAC, or a video for its sound. From 2 seconds to an hour.",
}


@dataclass(frozen=True)
class Slot:
    kind: UploadKind
    upload: Upload | None = None
    error: str = ""

    @property
    def is_sample(self) -> bool:
        return self.upload is not None and is_sample(self.upload)

    @cached_property
    def whole(self) -> Upload | None:
        """The portrait that crops are cut from: what the upload was cut from itself, or the upload."""
        return original_of(self.upload) or self.upload if self.upload else None

    @property
    def crops(self) -> list[Crop]:
        return possible_crops(self.whole) if self.whole else []

    @property
    def shape(self) -> str:
        """The shape that the upload was cropped to."""
        return str(self.upload.details.get("crop", {}).get("ratio", "")) if self.upload else ""

    @property
    def accepts(self) -> str:
        return ACCEPTS[self.kind]

    @property
    def limits(self) -> str:
        return LIMITS[self.kind]
