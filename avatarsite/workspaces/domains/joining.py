"""Joining by the domain of one's address, at each sign-in: once, and not again for those who have left."""

from __future__ import annotations

from typing import Any

from allauth.account.signals import user_logged_in
from django.contrib import messages
from django.http import HttpRequest

from avatarsite.workspaces.domains.names import domain_of
from avatarsite.workspaces.emails import is_confirmed
from avatarsite.workspaces.last_seen import remember
from avatarsite.workspaces.leaving import note_access
from avatarsite.workspaces.members import one_at_a_time
from avatarsite.workspaces.models import MailDomain, Member, PastMember, User


def join(user: User) -> Member | None:
    """Their new place in the workspace that has proved the domain of their confirmed address, if there is one."""
    proved = MailDomain.objects.select_related("workspace").filter(name=domain_of(user.email), proved_at__isnull=False)
    found = proved.filter(workspace__suspended_at=None).first()
    if found is None or not is_confirmed(user, user.email):
        return None
    with one_at_a_time(found.workspace):
        domain = proved.filter(pk=found.pk, workspace__suspended_at=None).first()
        if domain is None or PastMember.objects.filter(workspace=domain.workspace, user=user).exists():
            return None
        place = {"workspace": domain.workspace, "user": user}
        member, new = Member.objects.get_or_create(**place, defaults={"role": domain.role})
        if new:
            note_access(member, by=user, what=f"has joined as {member.as_role()}, by the mail domain {domain.name}")
    return member if new else None


def _arrive(request: HttpRequest, user: User, **_: Any) -> None:
    member = join(user)
    if member:
        remember(request, member.workspace)
        where = f"{member.workspace} takes in everybody of {domain_of(user.email)}"
        messages.success(request, f"{where}: you are {member.as_role()} there now.")


def join_at_sign_in() -> None:
    """By allauth's signal, which somebody of staff who looks as a customer doesn't send."""
    user_logged_in.connect(_arrive, dispatch_uid="workspaces.domains")
