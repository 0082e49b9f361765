"""Our rows as the frozen order that an adapter takes."""

from __future__ import annotations

from functools import partial
from pathlib import PurePosixPath
from typing import BinaryIO, cast

from django.core.files.storage import default_storage

from studio.models import ProviderJob, Render, Upload
from studio.providers import registry
from studio.providers.types import JobHandle, MediaInput, RenderOrder


def build_order(render: Render, job: ProviderJob) -> RenderOrder:
    offer = registry.offer(job.offer)
    return RenderOrder(
        reference=job.reference,
        model=offer.provider_model,
        portrait=_media(render.portrait),
        voice=_media(render.voice),
        voice_ms=render.voice.duration_ms or 0,
        prompt=render.prompt,
        output_format=render.options.get("output_format", "mp4"),
        output_quality=render.options.get("output_quality", 95),
        options=render.options,
    )


def handle_of(job: ProviderJob) -> JobHandle:
    return JobHandle(
        reference=job.reference,
        model=registry.offer(job.offer).provider_model,
        provider_job_id=job.provider_job_id,
        handle=job.handle,
    )


def _media(upload: Upload) -> MediaInput:
    name = upload.file.name or ""
    return MediaInput(
        name=PurePosixPath(name).name,
        content_type=upload.content_type,
        bytes=upload.bytes,
        sha256=upload.sha256,
        open=partial(_open, name),
    )


def _open(name: str) -> BinaryIO:
    return cast("BinaryIO", default_storage.open(name, "rb"))
