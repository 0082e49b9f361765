"""How a workspace's words are said in every script, and how a voice sounds."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from avatarsite.errors import DomainError
from avatarsite.web.places import NoPlace, Place
from avatarsite.workspaces.access import Action
from avatarsite.workspaces.decorators import WorkspaceRequest, workspace_view
from avatarsite.workspaces.views.confirm import confirm
from studio.forms import PronunciationForm
from studio.models import Pronunciation
from studio.speech.pronunciations import pronounce, pronunciations_of
from studio.speech.samples import content_type_of, sample_of
from studio.speech.speakers import speaker_of
from studio.views.query_values import word

UNPROCESSABLE, BUSY = 422, 503
SAMPLE_SECONDS = 3_600


@workspace_view(Action.VIEW, post=Action.RENDER)
def pronunciations(request: WorkspaceRequest) -> HttpResponse:
    form = PronunciationForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            pronounce(request.workspace, form.cleaned_data["word"], form.cleaned_data["said"])
        except DomainError as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
        else:
            return redirect("pronunciations", workspace=request.workspace.slug)
    context = {"form": form, "pronunciations": list(pronunciations_of(request.workspace))}
    status = UNPROCESSABLE if form.errors else 200
    return render(request, "studio/pronunciations.html", context, status=status)


@workspace_view(Action.RENDER)
@require_http_methods(["GET", "HEAD", "POST"])
def pronunciation_delete(request: WorkspaceRequest, pronunciation: str) -> HttpResponse:
    """What it ends, first; then the deed."""
    row = get_object_or_404(Pronunciation.objects.for_workspace(request.workspace), pk=pronunciation)
    if request.method != "POST":
        return confirm(
            request,
            f"Delete “{row.word}”?",
            f"It is said as it is written again, and no more as “{row.said}”. What is spoken stays as it is.",
            deed="Delete",
            keep=reverse("pronunciations", kwargs={"workspace": request.workspace.slug}),
        )
    row.delete()
    messages.success(request, f"“{row.word}” is said as it is written again.")
    return redirect("pronunciations", workspace=request.workspace.slug)


@workspace_view(Action.RENDER)
@require_safe
def speech_sample(request: WorkspaceRequest) -> HttpResponse:
    """A voice to listen to, spoken now if nobody has asked before; the usual one if none is named."""
    try:
        speaker = speaker_of(word(request.GET, "speaker"))
        with Place(request.workspace.pk):
            path = sample_of(speaker)
    except (DomainError, NoPlace) as refusal:
        return HttpResponse(str(refusal), content_type="text/plain", status=BUSY)
    answer = HttpResponse(path.read_bytes(), content_type=content_type_of(path))
    answer["Cache-Control"] = f"private, max-age={SAMPLE_SECONDS}"
    return answer
