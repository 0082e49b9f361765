"""Portraits and voices: the list, adding, choosing one for a slot, deleting."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from avatarsite.errors import DomainError
from avatarsite.workspaces.access import Action
from avatarsite.workspaces.decorators import WorkspaceRequest, workspace_view
from studio.forms import VideoForm
from studio.library import find_uploads, uploads_in_use
from studio.models import Upload, UploadKind
from studio.storage.ledger import room_of
from studio.uploads.add import UploadRefused, add_upload, delete_upload
from studio.uploads.crops import crop_upload
from studio.uploads.samples import add_samples
from studio.views.maker import drafts
from studio.views.paging import page_of
from studio.views.query_values import named, word
from studio.views.slots import Slot

PAGE = 24
UNPROCESSABLE = 422
WHOLE = "whole"  # asked for like a shape: the original again


@workspace_view(Action.VIEW)
@require_safe
def uploads(request: WorkspaceRequest) -> HttpResponse:
    kind = _kind(request.GET.get("kind"))
    page = page_of(find_uploads(request.workspace, kind), before=word(request.GET, "before"), size=PAGE)
    context = {
        "slot": Slot(kind),
        "page": page,
        "in_use": uploads_in_use(request.workspace, page.rows),
        "kinds": list(UploadKind),
        "room": room_of(request.workspace),
    }
    return render(request, "studio/uploads.html", context)


@workspace_view(Action.RENDER)
@require_POST
def upload_add(request: WorkspaceRequest) -> HttpResponse:
    """One file. A script gets the slot of the form back (``as=slot``) or a bare answer; a plain form a redirect."""
    kind = _kind(request.POST.get("kind"))
    file = request.FILES.get("file")
    upload, error = None, ""
    if file is None:
        error = "No file came with this. Choose one."
    else:
        try:
            upload = add_upload(request.workspace, kind=kind, file=file, name=file.name or "", user=request.user)
        except DomainError as refusal:
            error = str(refusal)
    return _answer(request, kind, upload, error)


def _answer(request: WorkspaceRequest, kind: UploadKind, upload: Upload | None, error: str) -> HttpResponse:
    status = UNPROCESSABLE if error else 200
    if request.POST.get("as") == "slot":
        before = named(find_uploads(request.workspace, kind), word(request.POST, "current"))
        slot = Slot(kind, upload or before, error)
        return render(request, "studio/partials/slot.html", {"slot": slot}, status=status)
    if request.POST.get("as") == "sentence":
        return HttpResponse(error, content_type="text/plain", status=status)
    if error:
        messages.error(request, error)
    return redirect(f"{reverse('uploads', kwargs={'workspace': request.workspace.slug})}?kind={kind}")


@workspace_view(Action.RENDER)
@require_safe
def upload_choices(request: WorkspaceRequest) -> HttpResponse:
    """Earlier uploads of one kind, to fill a slot with."""
    kind = _kind(request.GET.get("kind"))
    page = page_of(find_uploads(request.workspace, kind), before=word(request.GET, "before"), size=PAGE)
    return render(request, "studio/upload_choices.html", {"kind": kind, "page": page})


@workspace_view(Action.RENDER)
@require_safe
def upload_slot(request: WorkspaceRequest, upload: str) -> HttpResponse:
    one = _upload(request, upload)
    return render(request, "studio/partials/slot.html", {"slot": Slot(UploadKind(one.kind), one)})


@workspace_view(Action.RENDER)
@require_POST
def upload_crop(request: WorkspaceRequest, upload: str) -> HttpResponse:
    """The portrait in the shape that is asked for, in its slot; a plain form gets its draft back with it."""
    one = _upload(request, upload)
    ratio, chosen, error = word(request.POST, "ratio"), one, ""
    if ratio != WHOLE:
        try:
            chosen = crop_upload(one, ratio, user=request.user)
        except DomainError as refusal:
            error = str(refusal)
    if "HX-Request" in request.headers:
        return render(request, "studio/partials/slot.html", {"slot": Slot(UploadKind(one.kind), chosen, error)})
    if error:
        messages.error(request, error)
    form = VideoForm(request.workspace, request.POST)
    voice = named(find_uploads(request.workspace, UploadKind.VOICE), word(request.POST, "voice"))
    page = reverse("video_new", kwargs={"workspace": request.workspace.slug})
    return redirect(f"{page}?{drafts.query(form, portrait=chosen, voice=voice)}")


@workspace_view(Action.RENDER)
@require_POST
def upload_samples(request: WorkspaceRequest) -> HttpResponse:
    try:
        samples = add_samples(request.workspace, user=request.user)
    except DomainError as refusal:
        messages.error(request, str(refusal))
        return redirect("video_new", workspace=request.workspace.slug)
    return redirect(drafts.starting_with(request.workspace, *samples))


@workspace_view(Action.VIEW, post=Action.RENDER)
def upload_delete(request: WorkspaceRequest, upload: str) -> HttpResponse:
    one = _upload(request, upload)
    if request.method != "POST":
        context = {"upload": one, "in_use": bool(uploads_in_use(request.workspace, [one]))}
        return render(request, "studio/upload_delete.html", context)
    try:
        delete_upload(one)
        messages.success(request, f"“{one.name}” is deleted.")
    except UploadRefused as refusal:
        messages.error(request, str(refusal))
    return redirect(f"{reverse('uploads', kwargs={'workspace': request.workspace.slug})}?kind={one.kind}")


def _upload(request: WorkspaceRequest, upload_id: str) -> Upload:
    return get_object_or_404(Upload.objects.for_workspace(request.workspace), pk=upload_id)


def _kind(word: str | None) -> UploadKind:
    return UploadKind.VOICE if word == UploadKind.VOICE else UploadKind.PORTRAIT
