"""Invitations by e-mail. Only the mail holds the link's token; we keep its hash.

An invitation is open until it's accepted, revoked or too old. Sending it again makes a new token, and the old link
stops working.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import Sum
from django.utils import timezone

from avatarsite.audit.record import record
from avatarsite.workspaces.access import Action, demand, roles_given_by
from avatarsite.workspaces.emails import is_confirmed
from avatarsite.workspaces.errors import (
    AlreadyInvited,
    AlreadyMember,
    InvitationExpired,
    InvitationRevoked,
    InvitationUnknown,
    InvitationUsed,
    NotAllowed,
    TooManyInvitations,
    TooSoon,
    WrongAddress,
)
from avatarsite.workspaces.leaving import note_access
from avatarsite.workspaces.members import one_at_a_time
from avatarsite.workspaces.models import Invitation, Member, Role, User, Workspace

# Our mail goes to people who haven't asked for it, so one workspace can't flood anybody.
SENDS_PER_DAY = 100
RESEND_AFTER = timedelta(minutes=1)


@dataclass(frozen=True)
class Issued:
    """An invitation and the token of its link, which is known only now."""

    invitation: Invitation
    token: str


def hash_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def invite(by: Member, email: str, role: Role) -> Issued:
    """Open the workspace's door for one address.

    Raises NotAllowed, AlreadyMember, AlreadyInvited or TooManyInvitations. An invitation that has expired is issued
    anew.
    """
    email = email.strip().lower()
    with one_at_a_time(by.workspace):
        _demand_role(by, role)
        if Member.objects.filter(workspace=by.workspace, user__email=email).exists():
            raise AlreadyMember(f"{email} is a member of {by.workspace} already.")
        waiting = _waiting(by.workspace).filter(email=email).first()
        if waiting is None:
            waiting = Invitation(workspace=by.workspace, email=email, sends=0)
        elif waiting.expires_at > timezone.now():
            raise AlreadyInvited(f"{email} has been invited already. Send that invitation again, or revoke it first.")
        waiting.role = role
        waiting.invited_by = by.user
        return _issue(waiting)


def resend(by: Member, invitation: Invitation) -> Issued:
    """A new link for the same door, valid for as long as a first one. Raises what ``invite`` does, or TooSoon."""
    with one_at_a_time(by.workspace):
        invitation = _of_workspace(by, invitation)
        _demand_role(by, Role(invitation.role))
        _demand_waiting(invitation)
        if timezone.now() < invitation.sent_at + RESEND_AFTER:
            raise TooSoon(f"That mail has only just gone to {invitation.email}. Wait a minute, then send it again.")
        invitation.invited_by = by.user
        return _issue(invitation)


def revoke(by: Member, invitation: Invitation) -> None:
    """Close the door: the link stops working. Revoking twice is revoking once."""
    with one_at_a_time(by.workspace):
        invitation = _of_workspace(by, invitation)
        demand(by, Action.MANAGE_MEMBERS)
        if invitation.accepted_at:
            raise InvitationUsed(f"{invitation.email} has accepted already. Remove them from the team instead.")
        if not invitation.revoked_at:
            invitation.revoked_at = timezone.now()
            invitation.save(update_fields=["revoked_at"])
            what = f"The invitation of {invitation.email} was revoked"
            record("invitation.revoked", what, workspace=by.workspace, target=invitation.email, by=by.user)


def waiting_in(workspace: Workspace) -> list[Invitation]:
    """Neither accepted nor revoked, newest first; some may have expired."""
    return list(_waiting(workspace).select_related("invited_by").order_by("-sent_at", "-pk"))


def find(token_hash: str) -> Invitation:
    """The invitation behind a link, in whatever state. Raises InvitationUnknown."""
    found = Invitation.objects.select_related("workspace", "invited_by").filter(token_hash=token_hash).first()
    if found is None:
        raise InvitationUnknown(
            "This invitation link does not work. If you were sent a newer one, use that; otherwise ask for another."
        )
    return found


def demand_open(invitation: Invitation) -> None:
    """Nothing, or InvitationUsed, InvitationRevoked or InvitationExpired with a sentence for the invited person."""
    _demand_waiting(invitation)
    if not _still_wanted(invitation):
        raise InvitationRevoked(f"This invitation to {invitation.workspace} has been withdrawn.")
    if invitation.expires_at <= timezone.now():
        raise InvitationExpired(
            f"This invitation to {invitation.workspace} has expired. Ask the person who invited you to send it again."
        )


def accept(user: User, token_hash: str) -> Member:
    """Walk through the door; ``user`` must have confirmed the address that was invited.

    Raises InvitationUnknown, InvitationUsed, InvitationRevoked, InvitationExpired or WrongAddress. Somebody who is a
    member by now keeps their role.
    """
    workspace = find(token_hash).workspace
    with one_at_a_time(workspace):
        invitation = find(token_hash)
        demand_open(invitation)
        demand_address(user, invitation)
        invitation.accepted_at = timezone.now()
        invitation.save(update_fields=["accepted_at"])
        member, new = Member.objects.get_or_create(workspace=workspace, user=user, defaults={"role": invitation.role})
        if new:
            note_access(member, by=invitation.invited_by, what=f"has joined as {member.as_role()}")
    return member


def demand_address(user: User, invitation: Invitation) -> None:
    """Nothing, or WrongAddress: a link that was passed on lets nobody else in."""
    if user.email != invitation.email or not is_confirmed(user, invitation.email):
        raise WrongAddress(
            f"This invitation is for {invitation.email}, and you are signed in as {user.email}. "
            f"Sign in with that address, or ask for an invitation to {user.email}."
        )


def _waiting(workspace: Workspace) -> models.QuerySet[Invitation]:
    return Invitation.objects.filter(workspace=workspace, accepted_at__isnull=True, revoked_at__isnull=True)


def _demand_waiting(invitation: Invitation) -> None:
    if invitation.accepted_at:
        raise InvitationUsed(f"This invitation to {invitation.workspace} has been used already.")
    if invitation.revoked_at:
        raise InvitationRevoked(f"This invitation to {invitation.workspace} has been withdrawn.")


def _still_wanted(invitation: Invitation) -> bool:
    """Whether whoever sent it still belongs there and may give the role."""
    by = Member.objects.filter(workspace=invitation.workspace, user=invitation.invited_by, user__is_active=True).first()
    return by is not None and Role(invitation.role) in roles_given_by(by)


def _demand_role(by: Member, role: Role) -> None:
    demand(by, Action.MANAGE_MEMBERS)
    if role == Role.OWNER or role not in roles_given_by(by):
        raise NotAllowed("Nobody is invited as an owner. Invite them as an admin, then make them an owner.")


def _of_workspace(by: Member, invitation: Invitation) -> Invitation:
    return Invitation.objects.select_related("workspace").get(pk=invitation.pk, workspace=by.workspace)


def _issue(invitation: Invitation) -> Issued:
    now = timezone.now()
    today = Invitation.objects.filter(workspace=invitation.workspace, sent_at__gt=now - timedelta(days=1))
    if (today.aggregate(Sum("sends"))["sends__sum"] or 0) >= SENDS_PER_DAY:
        raise TooManyInvitations(f"{SENDS_PER_DAY} invitations have gone out in a day. Send the next ones tomorrow.")
    token = secrets.token_urlsafe(32)
    invitation.token_hash = hash_of(token)
    invitation.sent_at = now
    invitation.sends += 1
    invitation.expires_at = now + timedelta(days=settings.INVITATION_DAYS)
    invitation.save()
    what = f"{invitation.email} was invited as {invitation.as_role()}"
    record("invitation.sent", what, workspace=invitation.workspace, target=invitation.email, by=invitation.invited_by)
    return Issued(invitation, token)
