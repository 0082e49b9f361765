"""Our rows as the frozen order that an adapter takes."""

from __future__ import annotations

from functools import partial
from pathlib import PurePosixPath
from typing import BinaryIO, cast
from urllib.parse import urlencode

from django.conf import settings
from django.core.files.storage import default_storage
from django.urls import reverse

from studio.models import ProviderJob, Render, Upload
from studio.providers import registry
from studio.providers.base import webhook_token
from studio.providers.types import JobHandle, MediaInput, RenderOrder
from studio.storage import signed_link

LINK_SECONDS = 24 * 3600


def build_order(render: Render, job: ProviderJob) -> RenderOrder:
    offer = registry.offer(job.offer)
    provider = registry.provider(offer.provider)
    linked = provider.can_fetch_files()
    return RenderOrder(
        reference=job.reference,
        model=offer.provider_model,
        portrait=_media(render.portrait, linked=linked),
        voice=_media(render.voice, linked=linked),
        voice_ms=render.voice.duration_ms or 0,
        prompt=render.prompt,
        output_format=render.options.get("output_format", "mp4"),
        output_quality=render.options.get("output_quality", 95),
        options=render.options,
        webhook_url=_webhook_url(offer.provider, job.reference) if provider.can_call_us() else None,
    )


def handle_of(job: ProviderJob) -> JobHandle:
    return JobHandle(
        reference=job.reference,
        model=registry.offer(job.offer).provider_model,
        provider_job_id=job.provider_job_id,
        handle=job.handle,
    )


def _webhook_url(provider: str, reference: str) -> str:
    """Names the job, and proves that we made the address, so that a letter finds its job even if we lost its id."""
    query = urlencode({"job": reference, "token": webhook_token(reference)})
    return f"{settings.PUBLIC_URL}{reverse('hook', kwargs={'source': provider})}?{query}"


def _link(name: str) -> str:
    """For the provider, for as long as a render may wait at it."""
    link = signed_link(name, seconds=LINK_SECONDS)
    return link if "://" in link else f"{settings.PUBLIC_URL}{link}"


def _media(upload: Upload, *, linked: bool) -> MediaInput:
    name = upload.file.name or ""
    return MediaInput(
        name=PurePosixPath(name).name,
        content_type=upload.content_type,
        bytes=upload.bytes,
        sha256=upload.sha256,
        open=partial(_open, name),
        url=_link(name) if linked else None,
    )


def _open(name: str) -> BinaryIO:
    return cast("BinaryIO", default_storage.open(name, "rb"))
