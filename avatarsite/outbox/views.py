"""Webhook endpoints for people: make one, look at what it got, send again."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from avatarsite.outbox import endpoints
from avatarsite.outbox.deliveries import body_of, request_signing, signing_of
from avatarsite.outbox.endpoints import EndpointRefused
from avatarsite.outbox.event_types import KINDS
from avatarsite.outbox.forms import EndpointForm, ReplayForm, RotateForm
from avatarsite.outbox.models import Delivery, DeliveryState, Endpoint, EndpointState
from avatarsite.workspaces.access import Action
from avatarsite.workspaces.decorators import WorkspaceRequest, workspace_view
from avatarsite.workspaces.encryption import Unreadable, decrypt

PAGE = 25
DONE = {
    EndpointState.ACTIVE: "It gets events again. What was kept is on its way.",
    EndpointState.PAUSED: "It is paused. Its events are kept until you resume it.",
    EndpointState.DISABLED: "It is disabled. New events are not kept for it.",
}


@workspace_view(Action.VIEW)
@require_safe
def webhooks(request: WorkspaceRequest) -> HttpResponse:
    return _list(request)


@workspace_view(Action.VIEW, post=Action.DEVELOP)
@require_POST
@never_cache
def request_secret(request: WorkspaceRequest) -> HttpResponse:
    """The secret for addresses that requests name; shown, and replaced, as an endpoint's is."""
    try:
        return _list(request, secret=decrypt(request_signing(request.workspace.pk).secret))
    except Unreadable:
        messages.error(request, "The secret was sealed with a key that this server no longer has. Replace it.")
        return redirect("webhooks", workspace=request.workspace.slug)


@workspace_view(Action.VIEW, post=Action.DEVELOP)
@require_POST
def request_secret_rotate(request: WorkspaceRequest) -> HttpResponse:
    form = RotateForm(request.POST)
    if not form.is_valid():
        return _list(request, status=422, rotation=form)
    endpoints.rotate_request_secret(request.workspace, overlap=timedelta(seconds=form.cleaned_data["overlap"]))
    messages.success(request, "There is a new secret. Put it into your receivers.")
    return redirect("webhooks", workspace=request.workspace.slug)


def _list(request: WorkspaceRequest, *, status: int = 200, **more: Any) -> HttpResponse:
    rows = Endpoint.objects.filter(workspace=request.workspace).order_by("-id")
    context = {
        "endpoints": rows.filter(of_requests=False),
        "hosts": rows.filter(of_requests=True)[:PAGE],
        "most": endpoints.MAX_ENDPOINTS,
        "rotation": RotateForm(),
        **more,
    }
    return render(request, "outbox/webhooks.html", context, status=status)


@workspace_view(Action.DEVELOP)
@require_http_methods(["GET", "HEAD", "POST"])
def webhook_new(request: WorkspaceRequest) -> HttpResponse:
    form = EndpointForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            form.cleaned_data["url"] = endpoints.check_url(form.cleaned_data["url"])
            made = endpoints.make_endpoint(request.workspace, user=request.user, **form.cleaned_data)
        except EndpointRefused as refusal:
            form.add_error(refusal.field, str(refusal))
        else:
            messages.success(request, "The endpoint is made. Take its secret, then send a test.")
            return _to(request, made)
    return _form(request, form)


@workspace_view(Action.DEVELOP)
@require_http_methods(["GET", "HEAD", "POST"])
def webhook_change(request: WorkspaceRequest, endpoint: str) -> HttpResponse:
    row = get_object_or_404(Endpoint, workspace=request.workspace, pk=endpoint, of_requests=False)
    form = EndpointForm(request.POST if request.method == "POST" else None, row)
    if form.is_valid():
        try:
            form.cleaned_data["url"] = endpoints.check_url(form.cleaned_data["url"])
            endpoints.change_endpoint(row, **form.cleaned_data)
        except EndpointRefused as refusal:
            form.add_error(refusal.field, str(refusal))
        else:
            messages.success(request, "Saved.")
            return _to(request, row)
    return _form(request, form, row)


@workspace_view(Action.VIEW)
@require_safe
def webhook_endpoint(request: WorkspaceRequest, endpoint: str) -> HttpResponse:
    return _page(request, _endpoint(request, endpoint))


@workspace_view(Action.VIEW, post=Action.DEVELOP)
@require_POST
@never_cache
def webhook_secret(request: WorkspaceRequest, endpoint: str) -> HttpResponse:
    """Shown to whoever asks and may; by POST, so that it stays out of histories and caches."""
    row = _endpoint(request, endpoint)
    try:
        secret = endpoints.secret_of(row)
    except Unreadable:
        messages.error(request, "The secret was sealed with a key that this server no longer has. Rotate it.")
        return _to(request, row)
    return _page(request, row, secret=secret)


@workspace_view(Action.VIEW, post=Action.DEVELOP)
@require_POST
def webhook_rotate(request: WorkspaceRequest, endpoint: str) -> HttpResponse:
    row, form = _endpoint(request, endpoint), RotateForm(request.POST)
    if not form.is_valid():
        return _page(request, row, status=422, rotation=form)
    endpoints.rotate_secret(row, overlap=timedelta(seconds=form.cleaned_data["overlap"]))
    messages.success(request, "There is a new secret. Put it into your receiver.")
    return _to(request, row)


@workspace_view(Action.VIEW, post=Action.DEVELOP)
@require_POST
def webhook_state(request: WorkspaceRequest, endpoint: str) -> HttpResponse:
    row, state = _endpoint(request, endpoint), request.POST.get("state", "")
    if state in EndpointState.values:
        endpoints.set_state(row, state)
        messages.success(request, DONE[EndpointState(state)])
    return _to(request, row)


@workspace_view(Action.VIEW, post=Action.DEVELOP)
@require_POST
def webhook_test(request: WorkspaceRequest, endpoint: str) -> HttpResponse:
    row = _endpoint(request, endpoint)
    try:
        endpoints.send_test(row)
    except EndpointRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, "A test event is on its way.")
    return _to(request, row)


@workspace_view(Action.VIEW, post=Action.DEVELOP)
@require_POST
def webhook_replay(request: WorkspaceRequest, endpoint: str) -> HttpResponse:
    row, form = _endpoint(request, endpoint), ReplayForm(request.POST)
    if form.is_valid():
        try:
            count = endpoints.replay(row, form.cleaned_data["since"])
        except EndpointRefused as refusal:
            form.add_error("since", str(refusal))
        else:
            told = "Nothing has happened since then" if not count else f"{count:,} sent again, in their order"
            messages.success(request, f"{told}.")
            return _to(request, row)
    return _page(request, row, status=422, replaying=form)


@workspace_view(Action.VIEW, post=Action.DEVELOP)
@require_http_methods(["GET", "HEAD", "POST"])
def webhook_delete(request: WorkspaceRequest, endpoint: str) -> HttpResponse:
    row = _endpoint(request, endpoint)
    if request.method == "POST":
        endpoints.delete_endpoint(row)
        messages.success(request, "The endpoint is deleted.")
        return redirect("webhooks", workspace=request.workspace.slug)
    return render(request, "outbox/webhook_delete.html", {"endpoint": row})


@workspace_view(Action.VIEW)
@require_safe
def webhook_delivery(request: WorkspaceRequest, endpoint: str, delivery: str) -> HttpResponse:
    row = _delivery(request, endpoint, delivery)
    shown = json.dumps(json.loads(body_of(row)), indent=2, ensure_ascii=False)
    context = {"endpoint": row.endpoint, "delivery": row, "body": shown, "attempts": row.attempts.order_by("-id")}
    return render(request, "outbox/webhook_delivery.html", context)


@workspace_view(Action.VIEW, post=Action.DEVELOP)
@require_POST
def webhook_resend(request: WorkspaceRequest, endpoint: str, delivery: str) -> HttpResponse:
    row = _delivery(request, endpoint, delivery)
    try:
        endpoints.resend(row)
    except EndpointRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"Number {row.sequence} is on its way once more.")
    return redirect("webhook_delivery", workspace=request.workspace.slug, endpoint=row.endpoint_id, delivery=row.pk)


def _endpoint(request: WorkspaceRequest, pk: str) -> Endpoint:
    return get_object_or_404(Endpoint, workspace=request.workspace, pk=pk)


def _delivery(request: WorkspaceRequest, endpoint: str, pk: str) -> Delivery:
    rows = Delivery.objects.select_related("event", "endpoint")
    return get_object_or_404(rows, endpoint__workspace=request.workspace, endpoint=endpoint, pk=pk)


def _to(request: WorkspaceRequest, row: Endpoint) -> HttpResponse:
    return redirect("webhook_endpoint", workspace=request.workspace.slug, endpoint=row.pk)


def _form(request: WorkspaceRequest, form: EndpointForm, row: Endpoint | None = None) -> HttpResponse:
    context = {"form": form, "endpoint": row, "meanings": list(KINDS.items())}
    return render(request, "outbox/webhook_form.html", context, status=422 if form.is_bound else 200)


def _page(request: WorkspaceRequest, row: Endpoint, *, status: int = 200, **more: Any) -> HttpResponse:
    """The endpoint with its newest deliveries, or the page before a sequence."""
    found = row.deliveries.select_related("event").order_by("-sequence")
    state, before = request.GET.get("state", ""), request.GET.get("before", "")
    if state in DeliveryState.values:
        found = found.filter(state=state)
    if before.isascii() and before.isdecimal() and len(before) <= 18:
        found = found.filter(sequence__lt=int(before))
    rows = list(found[: PAGE + 1])
    context = {
        "endpoint": row,
        "deliveries": rows[:PAGE],
        "older": rows[PAGE - 1].sequence if len(rows) > PAGE else None,
        "states": DeliveryState.choices,
        "state": state,
        "waiting": row.deliveries.filter(state=DeliveryState.WAITING).count(),
        "old_secret_until": signing_of(row).old_secret_until,
        "rotation": RotateForm(),
        "replaying": ReplayForm(),
        **more,
    }
    return render(request, "outbox/webhook_endpoint.html", context, status=status)
