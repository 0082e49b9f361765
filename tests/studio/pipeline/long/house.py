"""Long videos without a decoder: voices whose stretches are known, cut and joined as rows alone."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import pytest
from django.utils import timezone

from avatarsite.workspaces.models import Workspace
from studio.models import JobStatus, Outcome, Part, ProviderJob, Render, RenderState, Upload, UploadKind, Whole
from studio.pipeline.failures import fail_by_provider
from studio.pipeline.long import cut, work
from studio.pipeline.long.settle import settle_whole
from studio.pipeline.long.sound import MAX_PART_MS, MIN_PART_MS
from studio.pipeline.long.work import move_whole
from studio.pipeline.request.render_request import RenderRequest
from studio.pipeline.request.take import take
from studio.pipeline.settle import settle_render
from studio.pipeline.states import advance
from studio.projects import project_for_new_video
from studio.providers.types import Failure, Fault
from tests.studio import shop

RATE = 1_000


def long_voice(workspace: Workspace, said: Sequence[tuple[str, int]], name: str = "lecture.wav") -> Upload:
    """A voice of stretches: what is said in each, and for how many milliseconds."""
    edges = [0]
    for _, ms in said:
        edges.append(edges[-1] + ms)
    stretches = [
        [edges[number], edges[number + 1], sha256(words.encode()).hexdigest()] for number, (words, _) in enumerate(said)
    ]
    kept = {"limits": [MIN_PART_MS, MAX_PART_MS], "newest": 10**9, "rate": RATE, "stretches": stretches}
    upload = Upload(
        workspace=workspace, kind=UploadKind.VOICE, name=name, bytes=1_000, content_type="audio/wav",
        duration_ms=edges[-1], details={"peaks": [1], "stretches": kept},
    )  # fmt: skip
    upload.sha256 = upload.pk.removeprefix("upl_").rjust(64, "0")
    upload.file.name = f"w/{workspace.pk}/uploads/{upload.pk}.wav"
    upload.save()
    return upload


def lecture(workspace: Workspace, words: str = "abcdef", ms: int = 100_000) -> Upload:
    return long_voice(workspace, [(word, ms) for word in words])


def wish(workspace: Workspace, voice: Upload, **also: Any) -> RenderRequest:
    return RenderRequest(
        workspace=workspace,
        project=project_for_new_video(workspace),
        portrait=shop.portrait_of(workspace),
        voice=voice,
        **{"title": "A lecture", **also},
    )


def ask(workspace: Workspace, voice: Upload, **also: Any) -> Render:
    return take(wish(workspace, voice, **also), user=None)[0]


def without_media(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cutting and joining write their rows alone."""
    monkeypatch.setattr(work, "cut_parts", _cut)
    monkeypatch.setattr(work, "join_parts", _join)


def _cut(row: Whole) -> bool:
    whole = row.render
    parts = list(whole.parts.filter(kept=False, render__state=RenderState.QUEUED).select_related("render"))
    sounds = {}
    for part in parts:
        sound = Upload(
            workspace=whole.workspace, kind=UploadKind.VOICE, name="cut", bytes=10, content_type="audio/wav",
            duration_ms=part.end - part.begin, sha256=sha256(part.render_id.encode()).hexdigest(),
            cut_from=whole.voice,
        )  # fmt: skip
        sound.file.name = f"w/{whole.workspace_id}/uploads/{part.render_id}.cut.wav"
        sounds[part.pk] = sound
    return cut._let_go(row, parts, sounds)


def _join(row: Whole) -> bool:
    return settle_whole(row, seams=[], measured_ms=row.samples * 1000 // row.rate, **files_of(row.render))


def files_of(render: Render) -> dict[str, Any]:
    folder = f"w/{render.workspace_id}/renders/{render.pk}"
    return {
        "video": f"{folder}/video.mp4",
        "poster": f"{folder}/poster.jpg",
        "video_bytes": 2_000_000,
        "video_sha256": "0" * 64,
        "width": 600,
        "height": 900,
    }


def look(whole: Render) -> Render:
    """Let the whole take whatever step is due."""
    Whole.objects.filter(render=whole, next_try_at__isnull=False).update(next_try_at=timezone.now())
    move_whole(whole.pk)
    whole.refresh_from_db()
    return whole


def part(whole: Render, number: int) -> Render:
    return (
        Part.objects.select_related("render__hold", "render__price", "render__workspace")
        .get(whole=whole, number=number)
        .render
    )


def send(render: Render) -> Render:
    """Let the offer of a queued part take it."""
    advance(render, RenderState.SUBMITTING, reason="taken up")
    ProviderJob.objects.create(
        render=render, attempt=render.jobs.count() + 1, offer=render.offer, outcome=Outcome.ACCEPTED, status="running",
        next_check_at=timezone.now(), accepted_at=timezone.now(),
    )  # fmt: skip
    advance(render, RenderState.RENDERING, reason="the provider accepted it")
    return render


def make(render: Render, *, over_ms: int = 0) -> Render:
    """Make a queued or sent part, so much longer than its sound."""
    if render.state == RenderState.QUEUED:
        send(render)
    render.jobs.update(status=JobStatus.DONE, next_check_at=None, finished_at=timezone.now())
    advance(render, RenderState.INGESTING, reason="the provider has finished")
    one = render.uses.earliest("pk")
    settle_render(render, measured_ms=one.end - one.begin + over_ms, **files_of(render))
    return render


def lose(render: Render, fault: Fault = Fault.INPUT) -> Render:
    """By a fault that lasts, unless it is told which."""
    if render.state == RenderState.QUEUED:
        send(render)
    render.jobs.update(status=JobStatus.FAILED, next_check_at=None, finished_at=timezone.now())
    fail_by_provider(render, Failure(fault, "broken", "It broke."))
    return render


def make_all(whole: Render) -> Render:
    """The whole way, well."""
    look(whole)
    for one in whole.parts.filter(kept=False):
        make(part(whole, one.number))
    look(whole)
    return look(whole)
