"""A small studio for flow tests: a workspace with credit, a price, a portrait and a short voice."""

from __future__ import annotations

import io
import wave
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.core.files.base import ContentFile
from django.utils import timezone

from avatarsite.workspaces.models import Workspace
from billing.ledger import posting
from billing.prices import price_book
from studio.models import JobStatus, Outcome, Project, ProviderJob, Render, RenderState, Upload, UploadKind
from studio.pipeline.long.sound import hear
from studio.pipeline.request import take
from studio.pipeline.request.render_request import RenderRequest
from studio.projects import project_for_new_video
from studio.uploads.add import add_upload
from studio.uploads.samples import PORTRAIT

OFFER = "local:draft"


@dataclass(frozen=True)
class Studio:
    workspace: Workspace
    project: Project
    portrait: Upload
    voice: Upload


def make_studio(
    *, balance_micros: int = 5_000_000, price_micros: int = 10_000, voice_seconds: float = 2.0, slug: str = "flow"
) -> Studio:
    """The same studio when called again."""
    workspace, _ = Workspace.objects.get_or_create(slug=slug, defaults={"name": slug.title()})
    price_book.set_price(
        OFFER,
        cost_micros_per_second=price_micros // 2,
        price_micros_per_second=price_micros,
        source="flow test",
    )
    if balance_micros:
        posting.grant(workspace, balance_micros, key=f"{slug}:grant", reason="flow test")
    return Studio(
        workspace,
        project_for_new_video(workspace),
        add_upload(workspace, kind=UploadKind.PORTRAIT, file=ContentFile(PORTRAIT.read_bytes()), name="face.jpg"),
        add_upload(workspace, kind=UploadKind.VOICE, file=ContentFile(speech(voice_seconds)), name="hello.wav"),
    )


def ask(studio: Studio, *, key: str | None = None, **also: Any) -> Render:
    """What names its offer stays with it, unless it says otherwise: so what became of that one can be told."""
    also.setdefault("fallback", "offer" not in also)
    request = RenderRequest(studio.workspace, studio.project, studio.portrait, studio.voice, **also)
    hear(request.voice, request.model)
    return take.take(request, user=None, idempotency_key=key)[0]


def done_at_provider(render: Render, url: str) -> None:
    """As it stands once its provider has said where its video is."""
    now = timezone.now()
    Render.objects.filter(pk=render.pk).update(state=RenderState.INGESTING, next_try_at=now)
    ProviderJob.objects.create(
        render=render, attempt=1, offer=render.offer, outcome=Outcome.ACCEPTED, status=JobStatus.DONE,
        provider_job_id="job", result_url=url, sent_at=now, accepted_at=now, finished_at=now,
    )  # fmt: skip


def speech(seconds: float, rate: int = 16_000) -> bytes:
    """A WAV that sounds a little like syllables: a hum, loud and quiet four times a second."""
    time = np.arange(round(seconds * rate)) / rate
    hum = sum(np.sin(2 * np.pi * 140 * n * time) / n for n in (1, 2, 3, 5))
    loudness = np.clip(np.sin(2 * np.pi * 4 * time), 0.05, 1)
    samples = (hum / 2.2 * loudness * 20_000).astype("<i2")
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return out.getvalue()
