from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps

from django.contrib import messages
from django.db import transaction
from django.db.models import Count, Q
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from avatarsite.workspaces import members
from avatarsite.workspaces.access import ALLOWED, IN_WORDS, Action, may, roles_given_by
from avatarsite.workspaces.decorators import WorkspaceRequest, workspace_view
from avatarsite.workspaces.errors import NotAllowed, WorkspaceError
from avatarsite.workspaces.forms import InvitationForm, RoleForm
from avatarsite.workspaces.invitations import invitations
from avatarsite.workspaces.invitations.invitations import Issued
from avatarsite.workspaces.invitations.mail import mail_invitation
from avatarsite.workspaces.leaving import Ended
from avatarsite.workspaces.models import Invitation, Member, Role
from avatarsite.workspaces.views.audit import entries_of
from avatarsite.workspaces.views.confirm import confirm

MAX_SHOWN = 10  # lines of who was given or lost access


@dataclass(frozen=True)
class Powers:
    """What a role may do: all that a lower one may, if there is one, and ``words``."""

    role: Role
    like: Role | None
    words: list[str]


def powers() -> list[Powers]:
    """From the viewer up to the owner."""
    found: list[Powers] = []
    for role in reversed(Role):
        within = [lower.role for lower in found if ALLOWED[lower.role] < ALLOWED[role]]
        like = max(within, key=lambda lower: len(ALLOWED[lower]), default=None)
        more = ALLOWED[role] - (ALLOWED[like] if like else frozenset())
        found.append(Powers(role, like, [IN_WORDS[action] for action in Action if action in more]))
    return found


def team_action(
    action: Action, *, asks: bool = False
) -> Callable[[Callable[[WorkspaceRequest, int], str | HttpResponse]], Callable[..., HttpResponseBase]]:
    """A button of the team page. The view does one thing to one row and returns the sentence that says so.

    One that ``asks`` returns the question to what is no POST. A refusal is told on the team page too; NotAllowed goes
    on to become a 403.
    """

    def decorate(view: Callable[[WorkspaceRequest, int], str | HttpResponse]) -> Callable[..., HttpResponseBase]:
        @workspace_view(action)
        @require_http_methods(["GET", "HEAD", "POST"] if asks else ["POST"])
        @wraps(view)
        def pressed(request: WorkspaceRequest, row: int) -> HttpResponseBase:
            try:
                said = view(request, row)
            except NotAllowed:
                raise
            except WorkspaceError as refused:
                messages.error(request, refused.sentence)
            else:
                if isinstance(said, HttpResponse):
                    return said
                if said:
                    messages.success(request, said)
            return redirect("team", workspace=request.workspace.slug)

        return pressed

    return decorate


@workspace_view(Action.BELONG, post=Action.MANAGE_MEMBERS)
@require_http_methods(["GET", "HEAD", "POST"])
def team(request: WorkspaceRequest) -> HttpResponseBase:
    """Who belongs here; posting invites somebody."""
    form = InvitationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                email, role = form.cleaned_data["email"], Role(form.cleaned_data["role"])
                _mail(request, invitations.invite(request.member, email, role))
        except NotAllowed:
            raise
        except WorkspaceError as refused:
            form.add_error("email", refused.sentence)
        else:
            return redirect("team", workspace=request.workspace.slug)
    return _team_page(request, form)


@team_action(Action.MANAGE_MEMBERS)
def resend(request: WorkspaceRequest, row: int) -> str:
    with transaction.atomic():
        _mail(request, invitations.resend(request.member, _invitation(request, row)))
    return ""


@team_action(Action.MANAGE_MEMBERS, asks=True)
def revoke(request: WorkspaceRequest, row: int) -> str | HttpResponse:
    invitation = _invitation(request, row)
    if request.method != "POST":
        return confirm(
            request,
            f"Revoke the invitation of {invitation.email}?",
            "The link in its mail leads nowhere from that moment on. You can invite them anew.",
            deed="Revoke",
            keep=reverse("team", kwargs={"workspace": request.workspace.slug}),
        )
    invitations.revoke(request.member, invitation)
    return f"The invitation to {invitation.email} is revoked. Its link does not work any more."


@team_action(Action.MANAGE_MEMBERS)
def change_role(request: WorkspaceRequest, row: int) -> str:
    form = RoleForm(request.POST)
    if not form.is_valid():
        raise WorkspaceError(str(form.errors["role"][0]))
    role, take = Role(form.cleaned_data["role"]), request.POST.get("tokens") == "take"
    changed, ended = members.change_role(request.member, _member(request, row), role, take_tokens=take)
    return f"{changed.user.get_full_name()} is now {changed.as_role()} of {request.workspace}.{_and(ended)}"


@team_action(Action.MANAGE_MEMBERS)
def remove(request: WorkspaceRequest, row: int) -> str:
    target = _member(request, row)
    ended = members.remove_member(request.member, target, take_tokens=request.POST.get("tokens") == "take")
    return f"{target.user.get_full_name()} has been removed from {request.workspace}.{_and(ended)}"


@team_action(Action.MANAGE_OWNERS)
def hand_over(request: WorkspaceRequest, row: int) -> str:
    target = _member(request, row)
    members.hand_over(request.member, target)
    return f"{target.user.get_full_name()} owns {request.workspace} now, and you are an admin."


@workspace_view(Action.BELONG)
@require_POST
def leave(request: WorkspaceRequest) -> HttpResponseBase:
    try:
        members.leave_workspace(request.member)
    except WorkspaceError as refused:
        messages.error(request, refused.sentence)
        return redirect("team", workspace=request.workspace.slug)
    messages.success(request, f"You have left {request.workspace}.")
    return redirect("home")


def _team_page(request: WorkspaceRequest, form: InvitationForm) -> HttpResponse:
    working = Count("tokens", filter=Q(tokens__revoked_at=None), distinct=True)
    here = Member.objects.filter(workspace=request.workspace).annotate(token_count=working)
    people = list(here.select_related("user").order_by("created_at"))
    manages = may(request.member, Action.MANAGE_MEMBERS)
    context = {
        "form": form,
        "people": people,
        "roles": roles_given_by(request.member),
        "only_owner": [person.role for person in people].count(Role.OWNER) == 1,
        "invitations": invitations.waiting_in(request.workspace) if manages else [],
        "now": timezone.now(),
        "powers": powers(),
        "my_tokens": next(person.token_count for person in people if person.pk == request.member.pk),
        "history": entries_of(request.workspace).filter(event="member.access")[:MAX_SHOWN] if manages else [],
    }
    return render(request, "workspaces/team.html", context, status=422 if form.errors else 200)


def _and(ended: Ended) -> str:
    words = str(ended)
    return f" {words[0].upper()}{words[1:]}." if words else ""


def _mail(request: WorkspaceRequest, issued: Issued) -> None:
    mail_invitation(request, issued)
    messages.success(request, f"An invitation is on its way to {issued.invitation.email}.")


def _member(request: WorkspaceRequest, row: int) -> Member:
    return get_object_or_404(Member.objects.select_related("user"), pk=row, workspace=request.workspace)


def _invitation(request: WorkspaceRequest, row: int) -> Invitation:
    return get_object_or_404(Invitation, pk=row, workspace=request.workspace)
