"""What a video was found to show: said on its page, released from there, and the workspace's usual check."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from avatarsite.errors import DomainError
from avatarsite.workspaces.access import Action
from avatarsite.workspaces.decorators import WorkspaceRequest, workspace_view
from studio.models import Render, RenderEvent
from studio.models.content import ContentCheck, IfFlagged, Label
from studio.pipeline.content.check import PROVIDER
from studio.pipeline.content.withhold import release
from studio.pipeline.request.usual_checks import checks_of, choose_checks

CHECK_HINT = (
    "Nudity is looked for before a video is given out: by the provider where it can, otherwise by us. Full looks at "
    "every frame, which takes minutes of a long video. The check costs nothing."
)
IF_FLAGGED_HINT = (
    "A marked video was made, so it costs what any other does, delivered or withheld. You can release a withheld one."
)
LABEL_HINT = (
    "Small words in a corner of the picture, away from the face and from captions, for everybody who sees it. Each "
    "video carries signed papers as well, which programs read. It costs nothing."
)


class ContentForm(forms.Form):
    content_check = forms.ChoiceField(label="Usual check", choices=ContentCheck.choices, help_text=CHECK_HINT)
    if_flagged = forms.ChoiceField(label="A marked video", choices=IfFlagged.choices, help_text=IF_FLAGGED_HINT)
    visible_label = forms.ChoiceField(
        label="Visible label", required=False, choices=Label.choices, help_text=LABEL_HINT
    )


@dataclass(frozen=True, slots=True)
class ContentFacts:
    """What the last check of a video has found, as its history has it."""

    level: str
    by: str
    flagged: bool | None
    frames: int = 0
    of_frames: int = 0
    score: float | None = None
    at_ms: int = 0

    @property
    def sentence(self) -> str:
        if self.flagged is None:
            return f"{self.level.capitalize()}: it could not be made"
        found = "marked" if self.flagged else "nothing found"
        if self.by == PROVIDER:
            return f"{self.level.capitalize()}, by the provider: {found}"
        looked = f"{self.frames:,} of {self.of_frames:,} frames looked at"
        return f"{self.level.capitalize()}, by us: {found}, {looked}"


def content_facts(events: Iterable[RenderEvent]) -> ContentFacts | None:
    found = [event.detail["content_check"] for event in events if "content_check" in event.detail]
    return ContentFacts(**found[-1]) if found else None


@workspace_view(Action.VIEW, post=Action.RENDER)
@require_POST
def video_release(request: WorkspaceRequest, render: str) -> HttpResponse:
    one = get_object_or_404(Render.objects.for_workspace(request.workspace), pk=render)
    try:
        if release(one, user=request.user):
            messages.success(request, "It is given out from now on.")
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("video", workspace=request.workspace.slug, render=one.pk)


@workspace_view(Action.VIEW, post=Action.MANAGE_WORKSPACE)
@require_http_methods(["GET", "HEAD", "POST"])
def content_settings(request: WorkspaceRequest) -> HttpResponse:
    """The usual content check, for requests that name none."""
    usual: dict[str, Any] = dict(checks_of(request.workspace))
    form = ContentForm(request.POST if request.method == "POST" else None, initial=usual)
    if form.is_valid():
        said = form.cleaned_data
        check, if_flagged = ContentCheck(said["content_check"]), IfFlagged(said["if_flagged"])
        label = Label(said["visible_label"] or Label.NONE)
        choose_checks(request.workspace, check, if_flagged, label, user=request.user)
        messages.success(request, "Saved. Videos that are asked for from now on have it so.")
        return redirect("content_settings", workspace=request.workspace.slug)
    return render(request, "studio/content_settings.html", {"form": form}, status=422 if form.errors else 200)
