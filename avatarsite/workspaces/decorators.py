"""Decorators of views: who comes, whether they belong to the workspace, and how far they may go in it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect, resolve_url
from django.utils.cache import patch_cache_control
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRedirect

from avatarsite.monitoring import logs
from avatarsite.workspaces.access import Action, demand, demand_open, may, membership
from avatarsite.workspaces.last_seen import remember
from avatarsite.workspaces.models import Member, User, Workspace

P = ParamSpec("P")
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class PersonRequest(HttpRequest):
    """A request of somebody who has signed in."""

    user: User


class WorkspaceRequest(PersonRequest):
    """A request that came through ``workspace_view``."""

    member: Member
    workspace: Workspace


def workspace_view(
    action: Action, *, post: Action | None = None, while_closing: bool = False
) -> Callable[[Callable[Concatenate[WorkspaceRequest, P], HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """Guard a view whose URL has ``workspace``, the slug, which the view itself doesn't get.

    ``action`` is what reading takes; ``post`` what any other method takes (left out: the same). Anonymous people are
    sent to sign in, strangers get 404, members whose role doesn't reach get 403 with a sentence, and so do all of
    a suspended workspace. ``while_closing`` lets those whose role reaches into one that is being closed by its owner;
    from any other page of such a workspace an owner is led to where it can be had back.
    """

    def decorate(
        view: Callable[Concatenate[WorkspaceRequest, P], HttpResponseBase],
    ) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def guarded(request: Any, *args: Any, workspace: str, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return redirect_to_sign_in(request)
            member = membership(request.user, workspace)
            if member is None:
                raise Http404
            if member.workspace.closes_at and not member.workspace.closed_at:
                if not while_closing and _is_page(request) and may(member, Action.MANAGE_OWNERS):
                    return redirect("workspace_close", workspace=workspace)
                if not while_closing:
                    demand_open(member.workspace)
            else:
                demand_open(member.workspace)
            request.member, request.workspace = member, member.workspace
            demand(member, action if request.method in SAFE else post or action)
            logs.is_about(workspace=str(member.workspace_id))
            remember(request, member.workspace)
            return _private(view(request, *args, **kwargs))

        return guarded

    return decorate


def person_view(
    view: Callable[Concatenate[PersonRequest, P], HttpResponseBase],
) -> Callable[..., HttpResponseBase]:
    """Guard a view that belongs to a person and to no workspace."""

    @wraps(view)
    def guarded(request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return redirect_to_sign_in(request)
        return _private(view(request, *args, **kwargs))

    return guarded


def redirect_to_sign_in(request: HttpRequest) -> HttpResponseBase:
    """Sign in first, then go on where they were. A form that was posted is not posted again: they see its page."""
    if request.headers.get("HX-Request"):
        sign_in = redirect_to_login(_place(request.headers.get("HX-Current-URL", "")) or "/")
        return HttpResponseClientRedirect(sign_in["Location"])
    if request.method in SAFE:
        return redirect_to_login(request.get_full_path())
    return redirect_to_login(_page_of(request) or resolve_url(settings.LOGIN_REDIRECT_URL))


def _is_page(request: HttpRequest) -> bool:
    return request.method in SAFE and "HX-Request" not in request.headers


def _page_of(request: HttpRequest) -> str:
    """The page of ours that the form stood on, with all that its address names."""
    page = request.headers.get("Referer", "")
    ours = url_has_allowed_host_and_scheme(page, {request.get_host()}, require_https=request.is_secure())
    return _place(page) if ours else ""


def _place(address: str) -> str:
    try:
        parts = urlsplit(address)
    except ValueError:  # what a header holds is anybody's guess
        return ""
    return urlunsplit(("", "", parts.path, parts.query, ""))


def _private(response: HttpResponseBase) -> HttpResponseBase:
    if not response.has_header("Cache-Control"):
        patch_cache_control(response, private=True)
    return response
