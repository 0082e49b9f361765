"""One video: while it is made, when it is ready, and what can be done with it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.shortcuts import render as show
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_POST, require_safe

from avatarsite.db.compiled import Compiled
from avatarsite.errors import DomainError
from avatarsite.http.public_addresses import host_of
from avatarsite.legal.rights import OF_ONE_VIDEO
from avatarsite.workspaces.access import Action, may
from avatarsite.workspaces.decorators import WorkspaceRequest, workspace_view
from avatarsite.workspaces.mail_choice import FINISHED, wants
from avatarsite.workspaces.models import Workspace
from billing.errors import InsufficientCredit
from billing.stripe import client
from billing.topups.checkout import CENT_MICROS
from studio.errors import RequestRefused
from studio.forms import TitleForm
from studio.helps import help_of
from studio.library import StillNeeded, rename_video
from studio.models import Delivery, Render, RenderEvent, RenderState
from studio.pipeline.cancel import cancel_terms, request_cancel
from studio.pipeline.expire import delete_if_due, seconds_left
from studio.pipeline.inputs import kept_copy
from studio.pipeline.lateness.late import wish_given_up
from studio.pipeline.lateness.usual import usual_now
from studio.pipeline.long.shown import made_parts
from studio.pipeline.progress import history_of, moves, stages
from studio.pipeline.request.make_real import is_draft, make_real, real_choices
from studio.pipeline.request.rights import to_state, whose
from studio.pipeline.request.take import retry_render
from studio.providers import registry
from studio.representation import tags_of, withheld_of
from studio.sharing.review import comments_on
from studio.storage.filenames import download_name
from studio.storage.local import signed_link
from studio.videos.bulk import keep_take, takes_of
from studio.videos.tags import set_tags
from studio.videos.trash import KEPT, bin_video
from studio.views.content import content_facts
from studio.views.query_values import word
from studio.views.renditions import format_facts

# Asked less often the longer it takes: (up to this age, seconds between two looks).
PACE = (
    (timedelta(seconds=30), 1),
    (timedelta(minutes=2), 2),
    (timedelta(minutes=10), 5),
    (timedelta(hours=1), 15),
)
SLOWEST = 60
# What its page asks for again and again while it is made.
MAKING = (
    "id", "workspace_id", "state", "state_since", "tries", "next_try_at", "deadline_at", "late_at", "give_up_at",
    "usual_half", "usual_most", "cancel_requested_at", "finished_at", "created_at", "title", "offer", "model",
    "parts_total", "ceiling_micros", "charge_micros", "requested_by_id", "notify", "group_id",
)  # fmt: skip
MOMENTS = (("In 15 min", timedelta(minutes=15)), ("In 1 h", timedelta(hours=1)), ("In 3 h", timedelta(hours=3)))


def _of(workspace: str, pk: str) -> QuerySet[Render]:
    return Render.objects.for_workspace(Workspace(pk=workspace)).filter(pk=pk)


_making = Compiled(Render, _of, columns=MAKING)
_shown = Compiled(
    Render,
    _of,
    joined={"project": (), "portrait": (), "voice": (), "captions": ()},
    more={"is_tagged": Exists(Render.tags.through.objects.filter(render=OuterRef("pk")))},
)


@workspace_view(Action.VIEW)
@require_safe
def video(request: WorkspaceRequest, render: str) -> HttpResponse:
    one = next(_shown(workspace=request.workspace.pk, pk=render), None)
    if one is None:
        raise Http404
    if one.requested_by_id == request.user.pk:
        one.requested_by = request.user
    return show(request, "studio/video.html", _context(one) | _told(request, one))


@workspace_view(Action.VIEW)
@require_safe
def video_status(request: WorkspaceRequest, render: str) -> HttpResponse:
    """The stages while it runs; at the end the whole of the page's middle, which asks no more."""
    one = next(_making(workspace=request.workspace.pk, pk=render), None)
    if one is None or one.ended:
        one = _render(request, render)
    news = f"{one.state}-late" if one.late else one.state
    told = _told(request, one) | {"news": news != request.GET.get("seen"), "polled": True}
    if not one.ended:
        return show(request, "studio/partials/stages.html", _stages(one, history_of(one)) | told)
    answer = show(request, "studio/partials/render.html", _context(one) | told)
    answer["HX-Retarget"] = "#render"
    answer["HX-Reswap"] = "outerHTML"
    return answer


@workspace_view(Action.VIEW)
@require_safe
def video_file(request: WorkspaceRequest, render: str) -> HttpResponse:
    """The video itself, by a link that lasts some hours; ``?download=1`` names it after its title.

    Of a long one ``?part=3`` is the third of its parts.
    """
    one = _render(request, render)
    title = one.title
    if number := word(request.GET, "part"):
        part = get_object_or_404(one.parts.select_related("render"), number=number if number.isdecimal() else 0)
        one, title = part.render, f"{one.title}, part {part.number}"
    if not one.given_out or delete_if_due(one):
        raise Http404
    stored = one.video.name or ""
    name = download_name(f"{title}.{stored.rsplit('.', 1)[-1]}") if request.GET.get("download") else None
    left = seconds_left(one)
    seconds = None if left is None else max(1, min(left, settings.FILE_LINK_SECONDS))
    return redirect(signed_link(stored, download_as=name, seconds=seconds))


@workspace_view(Action.VIEW, post=Action.RENDER)
def video_cancel(request: WorkspaceRequest, render: str) -> HttpResponse:
    """The terms first; then the deed."""
    one = _render(request, render)
    if request.method != "POST":
        return show(request, "studio/video_cancel.html", {"render": one, "terms": cancel_terms(one)})
    if not request_cancel(one, user=request.user):
        messages.error(request, cancel_terms(one).sentence)
    return redirect("video", workspace=request.workspace.slug, render=one.pk)


@workspace_view(Action.VIEW, post=Action.RENDER)
@require_POST
def video_give_up(request: WorkspaceRequest, render: str) -> HttpResponse:
    """Give a late video up at a moment, an ISO time as ``at``; without one it is waited for again."""
    one = _render(request, render)
    moment = parse_datetime(word(request.POST, "at")) if request.POST.get("at") else None
    try:
        if request.POST.get("at") and (moment is None or moment.tzinfo is None):
            raise RequestRefused("at", "give_up_moment", "This is no moment.", "Choose one on the page.")
        wish_given_up(one, moment, user=request.user)
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("video", workspace=request.workspace.slug, render=one.pk)


@workspace_view(Action.VIEW)
@require_POST
def video_mail(request: WorkspaceRequest, render: str) -> HttpResponse:
    """Whoever presses gets a mail when it ends; pressed again, none."""
    one = _render(request, render)
    if request.POST.get("no_more"):
        one.mail_to.remove(request.user)
    elif not one.ended:
        one.mail_to.add(request.user)
    return redirect("video", workspace=request.workspace.slug, render=one.pk)


@workspace_view(Action.VIEW, post=Action.RENDER)
@require_POST
def video_retry(request: WorkspaceRequest, render: str) -> HttpResponse:
    one = _render(request, render)
    key = word(request.POST, "idempotency_key") or None
    try:
        one = retry_render(one, user=request.user, idempotency_key=key)
    except InsufficientCredit as lacking:
        return _paid_first(request, one, lacking)
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("video", workspace=request.workspace.slug, render=one.pk)


@workspace_view(Action.RENDER)
def video_real(request: WorkspaceRequest, render: str) -> HttpResponse:
    """The models that a draft can be made real with; then it is, at the price that stood on the button."""
    one = _render(request, render)
    if request.method != "POST":
        page = "studio/partials/make_real.html" if "HX-Request" in request.headers else "studio/video_real.html"
        try:
            return show(request, page, _real(one))
        except DomainError as refusal:
            return show(request, page, {"render": one, "unpriced": refusal})
    amount = word(request.POST, "max_amount_micros")
    try:
        one = make_real(
            one,
            word(request.POST, "model"),
            user=request.user,
            quote=request.POST.get("quote", ""),
            max_amount_micros=int(amount) if amount.isdecimal() else None,
            accept_warnings=word(request.POST, "accept_warnings") == one.portrait_id,
            rights=word(request.POST, "rights") == "yes",
            idempotency_key=word(request.POST, "idempotency_key") or None,
        )
    except InsufficientCredit as lacking:
        return _paid_first(request, one, lacking)
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("video", workspace=request.workspace.slug, render=one.pk)


def _paid_first(request: WorkspaceRequest, one: Render, lacking: InsufficientCredit) -> HttpResponse:
    """To where what is missing is bought, and from there back; who can’t buy here reads what is missing."""
    here = {"workspace": request.workspace.slug}
    back = reverse("video", kwargs={**here, "render": one.pk})
    if not (client.is_on() and may(request.member, Action.MANAGE_BILLING)):
        messages.error(request, str(lacking))
        return redirect(back)
    cents = -(-lacking.missing_micros // CENT_MICROS)
    asked = urlencode({"amount": f"{cents / 100:.2f}", "next": back})
    return redirect(f"{reverse('topup_new', kwargs=here)}?{asked}")


def _real(draft: Render) -> dict[str, Any]:
    if not is_draft(draft):
        return {"render": draft, "real_choices": []}
    missing = to_state(draft.portrait, draft.voice)
    return {
        "render": draft,
        "real_choices": real_choices(draft),
        "whose_rights": whose(missing),
        "rights_wording": OF_ONE_VIDEO,
    }


@workspace_view(Action.VIEW, post=Action.RENDER)
def video_rename(request: WorkspaceRequest, render: str) -> HttpResponse:
    one = _render(request, render)
    start = {"title": one.title, "tags": ", ".join(tags_of(one))}
    form = TitleForm(request.POST if request.method == "POST" else None, initial=start)
    if form.is_valid() and _tagged(one, form):
        rename_video(one, form.cleaned_data["title"])
        return redirect("video", workspace=request.workspace.slug, render=one.pk)
    status = 422 if form.is_bound else 200
    return show(request, "studio/video_rename.html", {"render": one, "form": form}, status=status)


def _tagged(one: Render, form: TitleForm) -> bool:
    if "tags" not in form.data:
        return True
    try:
        set_tags(one, form.cleaned_data["tags"].split(","))
    except DomainError as refusal:
        form.add_error("tags", str(refusal))
        return False
    return True


@workspace_view(Action.VIEW, post=Action.RENDER)
def video_takes(request: WorkspaceRequest, render: str) -> HttpResponse:
    """All takes side by side; posted, this one is kept and the others go into the bin."""
    one = _render(request, render)
    if request.method == "POST":
        outcome = keep_take(one)
        told = f"Take {one.take} is kept; {outcome.done} went into the bin, for {KEPT.days} days."
        messages.success(request, told if outcome.done else "There was no other take to delete.")
        return redirect("video", workspace=request.workspace.slug, render=one.pk)
    takes = takes_of(one)
    if not takes:
        raise Http404
    playable = [take for take in takes if take.state == "ready" and take.given_out]
    return show(request, "studio/video_takes.html", {"render": one, "takes": takes, "playable": playable})


@workspace_view(Action.VIEW, post=Action.RENDER)
def video_delete(request: WorkspaceRequest, render: str) -> HttpResponse:
    one = _render(request, render)
    if request.method != "POST":
        return show(request, "studio/video_delete.html", {"render": one, "days": KEPT.days})
    try:
        bin_video(one)
    except StillNeeded as refusal:
        messages.error(request, str(refusal))
        return redirect("video", workspace=request.workspace.slug, render=one.pk)
    messages.success(request, f"“{one.title}” is in the bin, for {KEPT.days} days.", extra_tags=one.pk)
    return redirect("videos", workspace=request.workspace.slug)


def _render(request: WorkspaceRequest, render_id: str) -> Render:
    """With what is always asked for. The rest is asked for apart: a join of all takes 10 ms to plan."""
    found = Render.objects.for_workspace(request.workspace).select_related("project")
    return get_object_or_404(found, pk=render_id)


def _context(one: Render) -> dict[str, Any]:
    offer = registry.find(one.offer)
    model = registry.MODELS.get(one.model)
    events = history_of(one)
    return _stages(one, events) | {
        "tags": tags_of(one),
        "events": events,
        "moves": moves(events),
        "papers": one.papers.filter(pk=one.video.name).first() if one.video else None,
        "provider_label": registry.provider_label(one.offer),
        "model_name": model.name if model else one.model,
        "is_draft": is_draft(one),
        **format_facts(one),
        "comments": list(comments_on(one)) if one.state == RenderState.READY else [],
        "help": help_of(one.failure_code),
        "withheld": withheld_of(one),
        "content": content_facts(events),
        **_option_facts(one, events, elsewhere=offer is None or offer.provider != "local"),
    }


def _stages(one: Render, events: list[RenderEvent]) -> dict[str, Any]:
    """What its page asks for again and again while it is made."""
    return {
        "render": one,
        "stages": stages(one, events),
        "parts": made_parts(one),
        "poll_seconds": poll_seconds(one.created_at),
        "terms": cancel_terms(one),
    }


def _told(request: WorkspaceRequest, one: Render) -> dict[str, Any]:
    """What is usual while its provider has it, who is told of its end, and the moments at which it may be given up."""
    if one.ended:
        return {}
    person = request.user
    asked_for = one.requested_by_id == person.pk and one.notify and one.group_id is None
    now = timezone.now()
    rounded = now.replace(second=0, microsecond=0)
    rounded += timedelta(minutes=5 - rounded.minute % 5)
    return {
        "usual": usual_now(one),
        "mailed": wants(person, FINISHED) and (asked_for or one.mail_to.filter(pk=person.pk).exists()),
        "mail_asked": not asked_for,
        "mail_off": not wants(person, FINISHED),
        "moments": [(label, rounded + wait) for label, wait in MOMENTS] if one.late else [],
    }


def _option_facts(one: Render, history: list[RenderEvent], *, elsewhere: bool) -> dict[str, Any]:
    """What became of the options that the file alone does not show."""
    endpoint = one.options.get("upload_endpoint")
    events = [event.detail["conversion"] for event in history if "conversion" in event.detail]
    sent = [kept for upload in (one.portrait, one.voice) if elsewhere and upload and (kept := kept_copy(upload))]
    return {
        "takes": takes_of(one),
        "delivery": Delivery.objects.filter(render=one).first() if endpoint else None,
        "delivery_host": host_of(endpoint) if endpoint else "",
        "conversion": events[-1] if events else "",
        "input_changes": [change for kept in sent for change in kept.changes],
    }


def poll_seconds(asked_at: datetime) -> int:
    age = timezone.now() - asked_at
    return next((seconds for limit, seconds in PACE if age < limit), SLOWEST)
