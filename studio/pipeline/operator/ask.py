"""Asking a render's provider now, in the foreground, with its answer in a sentence."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from studio.models import Outcome, ProviderJob, Render, RenderState
from studio.pipeline.cancel import job_in_flight
from studio.pipeline.states import note
from studio.pipeline.watch.loop import check_now
from studio.pipeline.watch.wake import notify_watcher
from studio.providers import registry
from studio.providers.types import ProviderError

TERMS = "The page comes with its answer, or says that there was none, within half a minute. Nothing is lost."


@dataclass(frozen=True, slots=True)
class Told:
    """``news`` is whether the answer has changed anything here."""

    sentence: str
    news: bool = False


def ask_now(render: Render) -> Told:
    """What the provider says of the render at this moment, stored as the watch would store it."""
    if job := job_in_flight(render.pk):
        return _ask(job)
    if render.state == RenderState.SUBMITTING and _ask_what_became_of(render):
        return Told("Its provider is asked within a second whether it has taken it; the history will say.", news=True)
    if render.ended:
        return Told("It has ended; there is nothing to ask.")
    return Told(f"No provider has it to be asked: it is {render.get_state_display().lower()}.")


def why_not_ask(render: Render) -> str:
    """Why there is nothing to ask, or ""."""
    asked = render.state in (RenderState.RENDERING, RenderState.SUBMITTING) and not render.is_whole
    return "" if asked else f"No provider has it: it is {render.get_state_display().lower()}."


def _ask(job: ProviderJob) -> Told:
    who = registry.provider_label(job.offer)
    try:
        news = check_now(job)
    except ProviderError as error:
        return Told(f"{who} told nothing: {error.failure.message or error.failure.code}")
    job.refresh_from_db()
    percent = f", {job.progress} %" if job.progress is not None else ""
    said = f"{who} says: {job.get_status_display().lower()}{percent}."
    if news:
        note(Render.objects.get(pk=job.render_id), "the provider was asked by an operator", detail={"said": said})
    return Told(said if news else f"{said} That is what it said before.", news)


def _ask_what_became_of(render: Render) -> bool:
    """One that was sent without an answer is looked for, never sent again; so it may be asked about at any time."""
    with transaction.atomic():
        unknown = ProviderJob.objects.filter(render=render, outcome=Outcome.UNKNOWN, sent_at__isnull=False)
        waiting = Render.objects.filter(
            pk=render.pk, state=RenderState.SUBMITTING, tries=render.tries, next_try_at__gt=timezone.now()
        )
        won = unknown.exists() and bool(waiting.update(next_try_at=timezone.now()))
        if won:
            notify_watcher()
    return won
