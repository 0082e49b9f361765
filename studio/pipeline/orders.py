"""Orders: our rows as the frozen value that an adapter takes."""

from __future__ import annotations

from functools import partial
from pathlib import PurePosixPath
from typing import BinaryIO, cast
from urllib.parse import urlencode

from django.conf import settings
from django.core.files.storage import default_storage
from django.urls import reverse

from studio.models import ProviderJob, Render, Upload
from studio.pipeline.inputs import Sent, as_sent
from studio.providers import registry
from studio.providers.base import webhook_token
from studio.providers.remote import RemoteProvider
from studio.providers.types import JobHandle, MediaInput, RenderOrder
from studio.storage.local import signed_link

LINK_SECONDS = 24 * 3600
# What a provider does itself if it can; the rest of a render's options is our own work and none of its business.
FOR_PROVIDERS = ("content_check", "ttl_seconds")


def build_order(render: Render, job: ProviderJob) -> RenderOrder:
    """Makes copies of the inputs that the provider takes, if they are not there yet. Raises NormaliseFailed."""
    offer = registry.offer(job.offer)
    provider = registry.provider(offer.provider)
    linked, elsewhere = provider.can_fetch_files(), isinstance(provider, RemoteProvider)
    can = provider.capabilities
    wanted = render.options.get("output_format", "mp4")
    return RenderOrder(
        reference=job.reference,
        model=offer.provider_model,
        portrait=_media(render.portrait, linked=linked, elsewhere=elsewhere),
        voice=_media(render.sound, linked=linked, elsewhere=elsewhere),
        voice_ms=render.sound.duration_ms or 0,
        prompt=render.prompt,
        output_format=wanted if wanted in can.output_formats else "mp4",
        output_quality=render.options.get("output_quality", 95),
        options={name: render.options[name] for name in FOR_PROVIDERS if render.options.get(name)},
        webhook_url=_webhook_url(offer.provider, job.reference) if provider.can_call_us() else None,
        owner=render.workspace_id,
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


def _media(upload: Upload, *, linked: bool, elsewhere: bool) -> MediaInput:
    own = Sent(upload.file.name or "", upload.content_type, upload.bytes, upload.sha256)
    sent = as_sent(upload) if elsewhere else own
    return MediaInput(
        name=PurePosixPath(sent.name).name,
        content_type=sent.content_type,
        bytes=sent.bytes,
        sha256=sent.sha256,
        open=partial(_open, sent.name),
        url=_link(sent.name) if linked else None,
    )


def _open(name: str) -> BinaryIO:
    return cast("BinaryIO", default_storage.open(name, "rb"))
