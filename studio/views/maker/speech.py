"""The voice slot's third way: words are typed, estimated while they are, and spoken into the slot."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from avatarsite.errors import DomainError
from avatarsite.workspaces.access import Action
from avatarsite.workspaces.decorators import WorkspaceRequest, workspace_view
from studio.forms import VideoForm, known_routing
from studio.library import find_uploads
from studio.models import Speech, Upload, UploadKind
from studio.pipeline.long.plan import quote_seconds
from studio.pipeline.request.options import DEFAULTS
from studio.pipeline.request.quote import CHEAPEST
from studio.pipeline.request.scopes import scopes_of
from studio.projects import first_project
from studio.speech.plan import SpeechPlan, SpeechWish, plan_speech
from studio.speech.speak import speak
from studio.views.maker import drafts
from studio.views.prices import known_model, may_move
from studio.views.query_values import named, word
from studio.views.slots import Slot


@workspace_view(Action.RENDER)
@require_POST
def speech_estimate(request: WorkspaceRequest) -> HttpResponse:
    """What the words would take and cost, as they are typed: a line, or what is wrong with them."""
    form = VideoForm(request.workspace, request.POST)
    form.is_valid()
    context: dict[str, Any] = {}
    if word(request.POST, "script"):
        try:
            plan = plan_speech(_wish(request, form))
            context = {
                "plan": plan,
                "speech_seconds": plan.estimate.ms / 1000,
                "video_micros": _video_micros(form, plan),
            }
        except DomainError as refusal:
            context = {"error": str(refusal)}
    return render(request, "studio/partials/speech_estimate.html", context)


@workspace_view(Action.RENDER)
@require_POST
def speech_add(request: WorkspaceRequest) -> HttpResponse:
    """Have it spoken. A script gets how far it is; a plain form its draft back, which looks again by itself."""
    form = VideoForm(request.workspace, request.POST)
    form.is_valid()
    try:
        project = form.cleaned_data.get("project") or first_project(request.workspace)
        speech = speak(_wish(request, form), budgets=scopes_of(project, request.user))
    except DomainError as refusal:
        if _by_script(request):
            return render(request, "studio/partials/speech_status.html", {"error": str(refusal)})
        messages.error(request, str(refusal))
        return redirect(_draft(request, form))
    if _by_script(request):
        return _status(request, speech)
    return redirect(_draft(request, form, speech=speech.pk))


@workspace_view(Action.RENDER)
@require_safe
def speech_status(request: WorkspaceRequest, speech: str) -> HttpResponse:
    return _status(request, get_object_or_404(Speech.objects.for_workspace(request.workspace), pk=speech))


def speech_of(request: WorkspaceRequest, asked: str) -> Speech | None:
    """The speech that an address names."""
    return named(Speech.objects.for_workspace(request.workspace).select_related("upload"), asked)


def told(speech: Speech | None) -> dict[str, Any]:
    """How far a speech is, for the page."""
    if speech is None:
        return {}
    parts = list(speech.parts.exclude(said=[]).values_list("done_at", flat=True))
    return {"speech": speech, "parts": len(parts), "done": sum(at is not None for at in parts)}


def _status(request: WorkspaceRequest, speech: Speech) -> HttpResponse:
    """While it is spoken: how far. Then the slot, filled with it, and the status beside it."""
    if speech.upload is None:
        return render(request, "studio/partials/speech_status.html", told(speech))
    context = {"slot": Slot(UploadKind.VOICE, speech.upload), **told(speech)}
    answer = render(request, "studio/partials/speech_spoken.html", context)
    answer["HX-Retarget"] = "#slot-voice"
    answer["HX-Reswap"] = "outerHTML"
    return answer


def _wish(request: WorkspaceRequest, form: VideoForm) -> SpeechWish:
    values = form.cleaned_data
    return SpeechWish(
        request.workspace,
        values.get("script", ""),
        values.get("speaker", ""),
        values.get("pace") or 1.0,
        user=request.user,
    )


def _video_micros(form: VideoForm, plan: SpeechPlan) -> int | None:
    """About what a video of so many seconds costs with the model that is chosen; None if nobody can make it."""
    values = form.cleaned_data
    model = known_model(values.get("model") or "").slug
    routing = known_routing(model, values.get("routing") or CHEAPEST)
    quote = quote_seconds(
        model=model,
        voice_ms=max(plan.estimate.ms, 1),
        routing=routing,
        fallback=may_move(routing, fallback=values.get("fallback", True)),
    )
    takes = values.get("takes") or DEFAULTS["takes"]
    return quote.ceiling_micros * takes if quote.chosen else None


def _draft(request: WorkspaceRequest, form: VideoForm, **also: str) -> str:
    page = reverse("video_new", kwargs={"workspace": request.workspace.slug})
    chosen = {kind.value: _chosen(request, kind) for kind in UploadKind}
    query = drafts.query(form, portrait=chosen["portrait"], voice=chosen["voice"])
    return f"{page}?{query}&{urlencode(also)}#speech"


def _chosen(request: WorkspaceRequest, kind: UploadKind) -> Upload | None:
    return named(find_uploads(request.workspace, kind), word(request.POST, kind))


def _by_script(request: WorkspaceRequest) -> bool:
    return "HX-Request" in request.headers
