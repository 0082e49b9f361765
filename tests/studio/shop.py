"""A workspace with things in it, for the tests of pages. Uploads are rows alone: a page opens no file."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from avatarsite.workspaces.models import Workspace
from billing.ledger import posting
from billing.prices import price_book
from studio.models import Outcome, Project, ProviderJob, Render, RenderState, RightsStatement, Upload, UploadKind
from studio.pipeline.cancel import finish_cancelled
from studio.pipeline.failures import fail_by_provider
from studio.pipeline.request.render_request import RenderRequest
from studio.pipeline.request.take import take
from studio.pipeline.settle import settle_render
from studio.pipeline.states import advance
from studio.projects import project_for_new_video
from studio.providers.types import Failure, Fault

OFFER = "local:draft"
PRICE_MICROS = 100_000  # ten cents a second
VOICE_MS = 10_000
# 10 s are 250 steps of 1/25 s; the ceiling is one step more.
CEILING_MICROS = 1_004_000
DOLLAR = 1_000_000


def open_shop(workspace: Workspace, *, dollars: int = 5) -> Workspace:
    """A price for the draft engine, and credit."""
    price_book.set_price(
        OFFER, cost_micros_per_second=PRICE_MICROS // 2, price_micros_per_second=PRICE_MICROS, source="a test"
    )
    if dollars:
        posting.grant(workspace, dollars * DOLLAR, key=f"{workspace.slug}:welcome", reason="Welcome")
    return workspace


def portrait_of(workspace: Workspace, name: str = "face.jpg") -> Upload:
    return _upload(workspace, UploadKind.PORTRAIT, name, width=600, height=900, content_type="image/jpeg")


def voice_of(workspace: Workspace, name: str = "hello there.mp3") -> Upload:
    details = {"peaks": [10, 80, 40, 90, 20]}
    return _upload(workspace, UploadKind.VOICE, name, duration_ms=VOICE_MS, content_type="audio/mpeg", details=details)


def _upload(workspace: Workspace, kind: UploadKind, name: str, **facts: Any) -> Upload:
    known = Upload.objects.filter(workspace=workspace, kind=kind, name=name).first()
    if known:
        return known
    upload = Upload(workspace=workspace, kind=kind, name=name, bytes=1000, **facts)
    upload.sha256 = upload.pk.removeprefix("upl_").rjust(64, "0")
    upload.file.name = f"w/{workspace.pk}/uploads/{upload.pk}.{name.rsplit('.', 1)[-1]}"
    upload.save()
    stated(upload)
    return upload


def stated(*uploads: Upload) -> None:
    """As after a first paid video of them: somebody has stated the right."""
    for upload in uploads:
        RightsStatement.objects.create(upload=upload, person="Alice", version="2026-11", at=timezone.now())


def asked(
    workspace: Workspace,
    title: str = "A video",
    *,
    project: Project | None = None,
    **also: Any,
) -> Render:
    """A queued render."""
    request = RenderRequest(
        workspace=workspace,
        project=project or project_for_new_video(workspace),
        portrait=portrait_of(workspace),
        voice=voice_of(workspace),
        title=title,
        **also,
    )
    return take(request, user=None)[0]


def rendering(workspace: Workspace, title: str = "A video", *, percent: int | None = None, **also: Any) -> Render:
    return accepted(asked(workspace, title, **also), percent=percent)


def accepted(render: Render, *, percent: int | None = None) -> Render:
    """Let the offer of a queued render take it."""
    advance(render, RenderState.SUBMITTING, reason="taken up")
    ProviderJob.objects.create(
        render=render, attempt=1, offer=render.offer, outcome=Outcome.ACCEPTED, status="running", progress=percent
    )
    advance(render, RenderState.RENDERING, reason="the provider accepted it")
    return render


def ready(workspace: Workspace, title: str = "A video", **also: Any) -> Render:
    return made_ready(rendering(workspace, title, **also))


def made_ready(render: Render) -> Render:
    """End a rendering one well: exactly as long as its voice, so at a dollar."""
    advance(render, RenderState.INGESTING, reason="the provider has finished")
    folder = f"w/{render.workspace_id}/renders/{render.pk}"
    settle_render(
        render,
        measured_ms=VOICE_MS,
        video=f"{folder}/video.mp4",
        poster=f"{folder}/poster.jpg",
        video_bytes=2_000_000,
        video_sha256="0" * 64,
        width=600,
        height=900,
    )
    render.refresh_from_db()
    return render


def failed(workspace: Workspace, title: str = "A video", fault: Fault = Fault.PROVIDER) -> Render:
    render = rendering(workspace, title)
    fail_by_provider(render, Failure(fault, "broken", "It broke."))
    return render


def cancelled(workspace: Workspace, title: str = "A video") -> Render:
    render = asked(workspace, title)
    finish_cancelled(render, reason="cancelled by a test")
    return render
