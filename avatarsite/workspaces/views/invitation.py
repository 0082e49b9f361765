"""Views of an invited person. The link's token is in the session as a hash; the page's own address is without it."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from avatarsite.workspaces.access import first_page
from avatarsite.workspaces.decorators import redirect_to_sign_in
from avatarsite.workspaces.errors import InvitationUnknown, InvitationUsed, WorkspaceError, WrongAddress
from avatarsite.workspaces.invitations import invitations, pending
from avatarsite.workspaces.models import Invitation, Member, User


@dataclass(frozen=True)
class Answer:
    """What the invitation page says: who invites to what, or why the link doesn't work."""

    invitation: Invitation | None
    refusal: WorkspaceError | None = None

    @property
    def wrong_address(self) -> bool:
        return isinstance(self.refusal, WrongAddress)

    @property
    def status(self) -> int:
        if self.refusal is None or self.wrong_address:
            return 200
        return 404 if isinstance(self.refusal, InvitationUnknown) else 410


@require_safe
def link(request: HttpRequest, token: str) -> HttpResponseBase:
    """Where the mail leads. Nothing is accepted yet, for mail scanners follow links too."""
    pending.keep(request, invitations.hash_of(token))
    response = redirect("invitation")
    patch_cache_control(response, no_store=True)
    return response


@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest) -> HttpResponseBase:
    """The invitation that this browser came with; posting accepts it."""
    if request.method != "POST":
        return _page(request, _answer_to(request))
    if not isinstance(request.user, User):
        return redirect_to_sign_in(request)
    try:
        member = invitations.accept(request.user, pending.kept(request))
    except WorkspaceError:
        return _page(request, _answer_to(request))
    pending.arrive(request, member.workspace)
    messages.success(request, f"Welcome to {member.workspace}. You are {member.as_role()} here.")
    return redirect(first_page(member), workspace=member.workspace.slug)


@require_POST
def as_somebody_else(request: HttpRequest) -> HttpResponseBase:
    """Sign out without losing the invitation, to sign in with the address that it's for."""
    token_hash = pending.kept(request)
    logout(request)
    pending.keep(request, token_hash)
    return redirect("invitation")


def _answer_to(request: HttpRequest) -> Answer:
    found = None
    try:
        found = invitations.find(pending.kept(request))
        invitations.demand_open(found)
        if isinstance(request.user, User):
            invitations.demand_address(request.user, found)
    except WorkspaceError as refused:
        return Answer(found, refused)
    return Answer(found)


def _page(request: HttpRequest, answer: Answer) -> HttpResponse:
    invited = answer.invitation
    if invited and isinstance(answer.refusal, InvitationUsed) and isinstance(request.user, User):
        member = Member.objects.filter(workspace=invited.workspace, user=request.user).first()
        if member:
            pending.arrive(request, invited.workspace)
            return redirect(first_page(member), workspace=invited.workspace.slug)
    context = {
        "invitation": invited,
        "refusal": answer.refusal,
        "wrong_address": answer.wrong_address,
        "has_account": invited is not None and User.objects.filter(email=invited.email).exists(),
    }
    response = render(request, "workspaces/invitation.html", context, status=answer.status)
    patch_cache_control(response, no_store=True, private=True)
    return response
