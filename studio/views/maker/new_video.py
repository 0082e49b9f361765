"""The form where a video is asked for, and the price that follows its inputs."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from avatarsite.errors import DomainError
from avatarsite.ids import new_id
from avatarsite.workspaces.access import Action
from avatarsite.workspaces.decorators import WorkspaceRequest, workspace_view
from billing.stripe import client
from billing.topups.checkout import CENT_MICROS
from studio.captions.wish import BESIDE, usual_wish
from studio.forms import VideoForm, known_routing
from studio.library import find_uploads
from studio.models import Project, Render, Upload, UploadKind
from studio.pipeline.request.kept_quotes import as_shown
from studio.pipeline.request.options import DEFAULTS
from studio.pipeline.request.quote import CHEAPEST, Market, is_pinned
from studio.pipeline.request.render_request import RenderRequest
from studio.pipeline.request.scopes import scopes_of
from studio.pipeline.request.take import take
from studio.projects import FIRST_PROJECT, first_project, open_projects, project_for_new_video
from studio.providers import registry
from studio.uploads.add import add_upload
from studio.uploads.samples import samples_to_start_with
from studio.views.maker import drafts
from studio.views.maker.cards import cards_of
from studio.views.maker.speech import speech_of, told
from studio.views.prices import PricePanel, may_move, model_cards, price_panel, rights_key
from studio.views.query_values import named, word
from studio.views.slots import Slot

UNPROCESSABLE = 422
MISSING = {
    UploadKind.PORTRAIT: "Add a portrait: the face that will talk.",
    UploadKind.VOICE: "Add a voice: what the portrait will say.",
}
OTHER_WORDS = "The words have changed since they were spoken. Press “Speak it” first, or put the old ones back."
# Fields that show their own errors; every other refusal stands above the form.
FORM_FIELDS = frozenset(
    {"portrait", "voice", "title", "project", "prompt", "captions", "accept_warnings", "rights", *DEFAULTS}
)
# What bears on the price or on who may make it; hx-params of the page names them, too.
PRICED = ("takes", "content_check", "output_quality")


@workspace_view(Action.RENDER)
def video_new(request: WorkspaceRequest) -> HttpResponse:
    if request.method == "POST":
        return _make(request)
    if not request.GET and (samples := samples_to_start_with(request.workspace, user=request.user)):
        return redirect(drafts.starting_with(request.workspace, *samples))
    form = VideoForm(request.workspace, initial=_start(request))
    return _page(request, form, portrait=form.initial.get("portrait"), voice=form.initial.get("voice"))


@workspace_view(Action.RENDER)
@require_POST
def video_quote(request: WorkspaceRequest) -> HttpResponse:
    form = VideoForm(request.workspace, request.POST)
    form.is_valid()
    values = form.cleaned_data
    market = Market.of(registry.for_sale())
    panel = price_panel(
        request.workspace,
        market,
        portrait=values.get("portrait"),
        voice=values.get("voice"),
        model=values.get("model") or form.initial["model"],
        routing=values.get("routing") or CHEAPEST,
        fallback=values.get("fallback", True),
        options={name: values.get(name) or DEFAULTS[name] for name in PRICED},
        prompt=values.get("prompt", ""),
        scopes=_scopes(request, values.get("project")),
        accepted=values.get("accept_warnings", ""),
        stated=values.get("rights", ""),
    )
    if panel.waits and request.headers.get("HX-Trigger") == "price-waits":
        return HttpResponse(status=204)  # what stands there still holds, and is not read out again
    cards = cards_of(panel, model_cards(market)).all
    answer = {"panel": panel, "cards": cards, **_paying(request, form, panel)}
    return render(request, "studio/partials/price_answer.html", answer)


def _start(request: WorkspaceRequest) -> dict[str, Any]:
    """What the form starts from: an earlier video, a project's defaults, or what the address names of a draft."""
    asked, start = request.GET, {}
    again = named(
        Render.objects.for_workspace(request.workspace).select_related("portrait", "voice", "project"),
        word(asked, "again"),
    )
    project = named(open_projects(request.workspace).select_related("portrait"), word(asked, "project"))
    if again:
        start = {**again.options, "prompt": again.prompt, "title": again.title, "model": again.model}
        start |= {"project": again.project, "portrait": again.portrait, "voice": again.voice}
        may = again.fallback or is_pinned(again.routing)
        start |= {"routing": known_routing(again.model, again.routing), "fallback": "yes" if may else "no"}
    elif project and drafts.MARK not in asked:
        start = {**project.defaults, "project": project, "portrait": project.portrait}
    else:
        start = {"project": project or first_project(request.workspace)}
    for kind in UploadKind:
        upload = named(find_uploads(request.workspace, kind), word(asked, kind))
        if upload:
            start[kind.value] = upload
    speech = speech_of(request, word(asked, "speech"))
    if speech:
        start |= {"voice": speech.upload or start.get("voice"), "script": speech.script}
    return start | {name: asked[name].replace("\0", "") for name in drafts.TYPED if name in asked}


def _make(request: WorkspaceRequest) -> HttpResponse:
    form = VideoForm(request.workspace, request.POST, request.FILES)
    form.is_valid()
    portrait, voice = (_upload(request, form, kind) for kind in UploadKind)
    if portrait and voice and form.is_valid():
        if _other_words(form.cleaned_data["script"], voice):
            form.add_error("voice", OTHER_WORDS)
        elif form.cleaned_data["max_amount_micros"] is None:
            messages.info(request, "This is the price. Press the button again to make the video.")
        elif video := _ask(request, form, portrait, voice):
            return redirect("video", workspace=request.workspace.slug, render=video.pk)
    return _page(request, form, portrait=portrait, voice=voice)


def _upload(request: WorkspaceRequest, form: VideoForm, kind: UploadKind) -> Upload | None:
    """The upload that came as a file, or the one that was chosen; without either the form gets its error."""
    file = request.FILES.get(f"{kind}_file")
    if file:
        try:
            return add_upload(request.workspace, kind=kind, file=file, name=file.name or "", user=request.user)
        except DomainError as refusal:
            form.add_error(kind.value, str(refusal))
            return None
    chosen: Upload | None = form.cleaned_data.get(kind.value)
    if chosen is None and not form.has_error(kind.value):
        form.add_error(kind.value, MISSING[kind])
    return chosen


def _other_words(typed: str, voice: Upload) -> bool:
    """Whether what stands in the box is not what the chosen voice says; a recording has no words to compare."""
    return bool(voice.script and typed.strip()) and typed.split() != voice.script.split()


def _ask(request: WorkspaceRequest, form: VideoForm, portrait: Upload, voice: Upload) -> Render | None:
    """The render, or None when the form has got the reason."""
    values = form.cleaned_data
    try:
        asked = RenderRequest(
            workspace=request.workspace,
            project=values["project"] or project_for_new_video(request.workspace),
            portrait=portrait,
            voice=voice,
            model=values["model"],
            routing=values["routing"],
            fallback=may_move(values["routing"], fallback=values["fallback"]),
            prompt=values["prompt"],
            options=form.options(),
            title=values["title"],
            captions=usual_wish(voice, values["captions"] or BESIDE),
            max_amount_micros=values["max_amount_micros"],
            accept_warnings=values["accept_warnings"] == portrait.pk,
            rights=values["rights"] == rights_key(portrait, voice),
        )
        key = values["idempotency_key"] or None
        return take(as_shown(asked, values["quote"]), user=request.user, idempotency_key=key)[0]
    except DomainError as refusal:
        # What to do about that stands beside the box.
        told = refusal.message if refusal.field == "rights" else str(refusal)
        form.add_error(refusal.field if refusal.field in FORM_FIELDS else None, told)
    return None


def _page(request: WorkspaceRequest, form: VideoForm, *, portrait: Upload | None, voice: Upload | None) -> HttpResponse:
    market = Market.of(registry.for_sale())
    models = model_cards(market)
    wanted, known = form["model"].value(), [card.model.slug for card in models if card.available]
    panel = price_panel(
        request.workspace,
        market,
        portrait=portrait,
        voice=voice,
        model=wanted if wanted in known or not known else known[0],
        routing=form["routing"].value() or CHEAPEST,
        fallback=form["fallback"].value() != "no",
        options=_priced(form),
        prompt=form["prompt"].value() or "",
        scopes=_scopes(request, _project(form)),
        accepted=form["accept_warnings"].value() or "",
        stated=form["rights"].value() or "",
    )
    context = {
        "form": form,
        # Whatever came before was refused or made; the next press is a new request.
        "key": new_id("ask"),
        "portrait_slot": Slot(UploadKind.PORTRAIT, portrait, _errors(form, UploadKind.PORTRAIT)),
        "voice_slot": Slot(UploadKind.VOICE, voice, _errors(form, UploadKind.VOICE)),
        "panel": panel,
        **_paying(request, form, panel),
        "goes_to": _project(form) or first_project(request.workspace),
        "first_name": FIRST_PROJECT,
        **_typing(request, form, voice),
        "draft_defaults": json.dumps(drafts.defaults(request.workspace)),
        "cards": cards_of(panel, models),
        "models_missing": [card for card in models if not card.available],
        "has_projects": open_projects(request.workspace).exists(),
        "first_run": not Upload.objects.for_workspace(request.workspace).exists(),
    }
    return render(request, "studio/video_new.html", context, status=UNPROCESSABLE if form.errors else 200)


def _typing(request: WorkspaceRequest, form: VideoForm, voice: Upload | None) -> dict[str, Any]:
    """What the panel shows in which words are typed; to begin with, those of the voice in the slot."""
    speech = speech_of(request, word(request.GET, "speech"))
    if voice and voice.script:
        form.initial.setdefault("script", voice.script)
    typed = form["script"].value()
    return {
        "speakers": form.speakers,
        "speech_open": bool(speech or (typed and (voice is None or typed != voice.script))),
        **told(speech),
    }


def _priced(form: VideoForm) -> dict[str, Any]:
    """The options that bear on the price, also of a form that was refused for another reason."""
    said = form.cleaned_data if form.is_bound else {name: _in_order(form, name) for name in PRICED}
    return {name: said.get(name) or DEFAULTS[name] for name in PRICED}


def _in_order(form: VideoForm, name: str) -> Any:
    """What an unsent form starts with, if it could be sent so: an address may say anything."""
    try:
        return form.fields[name].clean(form.initial[name])
    except ValidationError:
        return None


def _project(form: VideoForm) -> Project | None:
    """The project that the form names, also when it was refused for another reason."""
    chosen: Project | None = form.cleaned_data.get("project") if form.is_bound else form.initial.get("project")
    return chosen


def _scopes(request: WorkspaceRequest, project: Project | None) -> list[str]:
    """Whose caps bear on it; without a choice the video goes to the first project."""
    return scopes_of(project or first_project(request.workspace), request.user)


def _paying(request: WorkspaceRequest, form: VideoForm, panel: PricePanel) -> dict[str, Any]:
    """How to get what is missing, with the way back to this draft."""
    if not panel.missing_micros:
        return {}
    cents = -(-panel.missing_micros // CENT_MICROS)
    page = reverse("video_new", kwargs={"workspace": request.workspace.slug})
    back = f"{page}?{drafts.query(form, portrait=panel.portrait, voice=panel.voice)}"
    asked = urlencode({"amount": f"{cents / 100:.2f}", "next": back})
    return {"missing_cents_micros": cents * CENT_MICROS, "topups_on": client.is_on(), "topup_asked": asked}


def _errors(form: VideoForm, kind: UploadKind) -> str:
    return " ".join(str(error) for error in form.errors.get(kind.value, []))
