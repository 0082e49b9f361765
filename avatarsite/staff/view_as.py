"""Looking at the dashboard as a customer, by django-hijack: of one workspace, an hour at most, and read-only.

A banner of the library's stands on every page (``templates/hijack/notification.html``); begin and end are audited.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from hijack.views import AcquireUserView, ReleaseUserView

from avatarsite.audit.record import record
from avatarsite.workspaces.access import first_page, membership
from avatarsite.workspaces.last_seen import remember
from avatarsite.workspaces.models import User, Workspace

PERMISSION = "staff.view_as_customer"
KEY = "view_as"
MAX_SECONDS = 3600
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
END = "view_as_end"
# Outside the workspace: its files, by links that are signed, and the way to where they were last.
OPEN_TO_ALL = frozenset({END, "file", "home"})
READ_ONLY = "You are looking at this as a customer, and may change nothing. End it, then act in the admin site."
ELSEWHERE = "You are looking at one workspace as a customer; this page is not of it. End it first."


def may_view_as(*, hijacker: User, hijacked: User | None) -> bool:
    """By the permission, and never as staff, who may do more."""
    if hijacked is None or hijacked.is_staff or hijacked.is_superuser or not hijacked.is_active:
        return False
    return hijacker.is_active and hijacker.is_staff and hijacker.has_perm(PERMISSION)


def begin(request: HttpRequest, workspace: Workspace, *, reason: str) -> HttpResponseBase:
    """Go on in the workspace as the ``user_pk`` of the form; 403 when that may not be."""
    answer: HttpResponseBase = Begin.as_view(workspace=workspace, reason=reason)(request)
    return answer


class Begin(AcquireUserView):  # type: ignore[misc]
    workspace: Any = None
    reason = ""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        _note("began", f"Looked at {self.workspace} as {self.get_object()}", self.workspace, why=self.reason)
        answer: HttpResponseBase = super().post(request, *args, **kwargs)
        request.session[KEY] = {"workspace": self.workspace.slug, "id": self.workspace.pk, "since": time.time()}
        remember(request, self.workspace)
        return answer

    def get_success_url(self) -> str:
        member = membership(self.get_object(), self.workspace.slug)
        return reverse(first_page(member) if member else "videos", kwargs={"workspace": self.workspace.slug})


class End(ReleaseUserView):  # type: ignore[misc]
    """Back to the customer's page in the admin site."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.viewing = request.session.get(KEY, {})
        seen = request.user
        answer: HttpResponseBase = super().post(request, *args, **kwargs)
        workspace = Workspace.objects.filter(pk=self.viewing.get("id", "")).first()
        if workspace:
            _note("ended", f"Stopped looking at {workspace} as {seen}", workspace)
        return answer

    def get_success_url(self) -> str:
        page = "admin:workspaces_workspace_change"
        return reverse(page, args=[self.viewing["id"]]) if self.viewing else reverse("admin:index")


def read_only(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """The middleware that lets nothing but reading of the one workspace pass, and ends it when its hour is over."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        viewing = request.session.get(KEY) if is_viewing(request) else None
        if viewing is None:
            return get_response(request)
        if _is_over(request, viewing):
            logout(request)
            return HttpResponseRedirect(reverse("admin:index"))
        if request.method not in SAFE and request.path != reverse(END):
            return _refused(request, READ_ONLY)
        return get_response(request)

    def process_view(request: HttpRequest, _view: Any, _args: Any, route: dict[str, Any]) -> HttpResponse | None:
        if not is_viewing(request):
            return None
        match, viewing = request.resolver_match, request.session.get(KEY, {})
        name = match.url_name if match else ""
        if name in OPEN_TO_ALL or ("workspace" in route and route["workspace"] == viewing.get("workspace")):
            return None
        return _refused(request, ELSEWHERE)

    middleware.process_view = process_view  # type: ignore[attr-defined]
    return middleware


def is_viewing(request: HttpRequest) -> bool:
    has_session = settings.SESSION_COOKIE_NAME in request.COOKIES  # to have read it makes an answer vary by it
    return has_session and bool(request.session.get("hijack_history"))


def _is_over(request: HttpRequest, viewing: dict[str, Any]) -> bool:
    """After its hour, or when whoever looks may no longer."""
    staff = User.objects.filter(pk=request.session["hijack_history"][-1]).first()
    seen: Any = request.user
    return (
        time.time() - viewing["since"] > MAX_SECONDS
        or staff is None
        or not may_view_as(hijacker=staff, hijacked=seen if isinstance(seen, User) else None)
    )


def _refused(request: HttpRequest, sentence: str) -> HttpResponse:
    return render(request, "403.html", {"exception": sentence}, status=403)


def _note(event: str, what: str, workspace: Workspace, *, why: str = "") -> None:
    record(f"view_as.{event}", what, workspace=workspace, target=workspace.pk, why=why, shown=False)
