"""A render's page in the admin site: its card, its history, its attempts and its money."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, Sum
from django.utils import timezone

from avatarsite.models import Alert
from billing.models import Transfer, Usage
from billing.money import usd
from studio.media.video.seams import Seam
from studio.models import Outcome, ProviderJob, Render, RenderEvent, RenderState, Upload
from studio.models.jobs import ENDED_STATUSES
from studio.pipeline.long.tally import parts_of
from studio.providers import registry
from studio.storage.local import signed_link

TONES = {RenderState.READY: "good", RenderState.FAILED: "bad", RenderState.CANCELLED: "still"}
WORDS_LENGTH = 4_000


@dataclass(frozen=True, slots=True)
class Attempt:
    """A job as its row in the table; ``words`` are the provider's last, as it gave them."""

    job: ProviderJob
    provider: str
    words: str

    @property
    def says(self) -> str:
        """Its status; of one that nobody waits for any more, that."""
        job = self.job
        if job.status in ENDED_STATUSES:
            return str(job.get_status_display())
        if job.outcome == Outcome.ACCEPTED and job.next_check_at is None:
            return "Left"
        return f"{job.get_status_display()}{'' if job.progress is None else f', {job.progress} %'}"

    @classmethod
    def of(cls, job: ProviderJob) -> Attempt:
        words = json.dumps(job.raw, indent=2, ensure_ascii=False)[:WORDS_LENGTH] if job.raw else ""
        return cls(job, registry.provider_label(job.offer), words)


@dataclass(frozen=True, slots=True)
class Line:
    """An event of the timeline; ``told`` is its detail, amounts as money."""

    event: RenderEvent
    told: list[tuple[str, object]]

    @classmethod
    def of(cls, event: RenderEvent) -> Line:
        amounts = {name: usd(value) for name, value in event.detail.items() if name.endswith("_micros")}
        shown = {name.removesuffix("_micros"): value for name, value in (event.detail | amounts).items()}
        return cls(event, [(name, value) for name, value in shown.items() if value not in ("", None)])


def page_of(render: Render) -> dict[str, Any]:
    """What the page's template shows beside the render itself."""
    holds = parts_of(render) if render.is_whole else Render.objects.filter(pk=render.pk)
    cost = Usage.objects.filter(hold__in=holds.values("hold")).aggregate(sum=Sum("cost_micros"))["sum"]
    jobs = list(render.jobs.order_by("attempt"))
    about = [f"render:{part.pk}" for part in parts_of(render)] if render.is_whole else [f"render:{render.pk}"]
    transfers = Transfer.objects.filter(subject__in=about).select_related("debit", "credit", "actor", "lot")
    return {
        "render": render,
        "tone": TONES.get(RenderState(render.state), "busy"),
        "overdue": render.deadline_at is not None and render.deadline_at < timezone.now(),
        "provider": registry.provider_label(render.offer),
        "cost_micros": cost,
        "margin_micros": None if cost is None else render.paid_micros - cost,
        "parts": list(render.parts.select_related("render")) if render.is_whole else [],
        "seams": [Seam(**seam) for seam in render.work.seams] if render.is_whole else [],
        "whole": render.whole,
        "measured_seconds": None if render.measured_ms is None else render.measured_ms / 1000,
        "video_url": _link(render.video.name if render.video else ""),
        "poster_url": _link(render.poster.name if render.poster else ""),
        "portrait_url": _upload_link(render.portrait),
        "voice_url": _upload_link(render.voice) if render.voice else "",
        "history": [Line.of(event) for event in render.events.order_by("at", "pk")],
        "attempts": [Attempt.of(job) for job in jobs],
        "transfers": list(transfers.order_by("pk")),
        "alerts": _alerts_about(render, jobs),
    }


def _link(name: str | None) -> str:
    return signed_link(name) if name else ""


def _upload_link(upload: Upload) -> str:
    return _link(upload.file.name if upload.file else "")


def _alerts_about(render: Render, jobs: list[ProviderJob]) -> list[Alert]:
    named = Q(key__in=[render.pk, *(job.pk for job in jobs)]) | Q(detail__render=render.pk)
    return list(Alert.objects.filter(named, closed_at=None).order_by("-last_at"))
