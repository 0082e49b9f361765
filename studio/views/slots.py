"""A slot: the place on the form where a portrait or a voice goes, empty or filled."""

from __future__ import annotations

from dataclasses import dataclass

from studio.models import Upload, UploadKind
from studio.uploads.samples import is_sample

ACCEPTS = {
    UploadKind.PORTRAIT: "image/jpeg,image/png,image/webp,image/gif,image/avif,image/heic,.heic,.avif",
    UploadKind.VOICE: "audio/*,video/mp4,video/quicktime,video/webm,.mp3,.wav,.m4a,.aac,.ogg,.oga,.opus,.flac,.webm",
}
LIMITS = {
    UploadKind.PORTRAIT: "JPEG, PNG, WebP, GIF, AVIF or HEIC. At least 300 pixels on each side.",
    UploadKind.VOICE: "MP3, WAV, M4A, AAC, OGG or FLAC. From 2 seconds to an hour.",
}


@dataclass(frozen=True, slots=True)
class Slot:
    kind: UploadKind
    upload: Upload | None = None
    error: str = ""

    @property
    def is_sample(self) -> bool:
        return self.upload is not None and is_sample(self.upload)

    @property
    def accepts(self) -> str:
        return ACCEPTS[self.kind]

    @property
    def limits(self) -> str:
        return LIMITS[self.kind]
