"""Invitations as the domain knows them; test_invited_people.py walks through the pages."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

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
from avatarsite.workspaces.invitations import invitations
from avatarsite.workspaces.invitations.invitations import accept, find, hash_of, invite, resend, revoke, waiting_in
from avatarsite.workspaces.members import leave_workspace
from avatarsite.workspaces.models import Invitation, Member, Role
from tests.conftest import Cast

pytestmark = pytest.mark.django_db

CHARLIE = "charlie@example.org"


def age(invitation: Invitation, **by: int) -> None:
    """Move an invitation into the past."""
    past = timedelta(**by)
    Invitation.objects.filter(pk=invitation.pk).update(
        sent_at=invitation.sent_at - past, expires_at=invitation.expires_at - past
    )


def test_who_is_invited_gets_in_with_the_role_of_the_invitation(cast: Cast) -> None:
    issued = invite(cast.member(cast.alice), " Charlie@Example.org ", Role.MEMBER)
    member = accept(cast.charlie, hash_of(issued.token))
    assert (member.workspace, member.user, member.role) == (cast.workspace, cast.charlie, "member")
    issued.invitation.refresh_from_db()
    assert issued.invitation.accepted_at is not None
    assert waiting_in(cast.workspace) == []


def test_the_table_does_not_hold_the_token(cast: Cast) -> None:
    issued = invite(cast.member(cast.alice), CHARLIE, Role.VIEWER)
    row = Invitation.objects.filter(pk=issued.invitation.pk).values().get()
    assert len(issued.token) >= 40
    assert issued.token not in repr(row)
    assert row["token_hash"] == hash_of(issued.token)


def test_it_lasts_as_long_as_the_setting_says(cast: Cast) -> None:
    invitation = invite(cast.member(cast.alice), CHARLIE, Role.VIEWER).invitation
    assert invitation.expires_at - invitation.sent_at == timedelta(days=settings.INVITATION_DAYS)


def test_an_expired_invitation_lets_nobody_in(cast: Cast) -> None:
    issued = invite(cast.member(cast.alice), CHARLIE, Role.VIEWER)
    age(issued.invitation, days=settings.INVITATION_DAYS)
    with pytest.raises(InvitationExpired) as refused:
        accept(cast.charlie, hash_of(issued.token))
    assert refused.value.sentence == (
        "This invitation to Alice's workspace has expired. Ask the person who invited you to send it again."
    )
    assert not Member.objects.filter(workspace=cast.workspace, user=cast.charlie).exists()


def test_one_second_before_its_end_it_still_works(cast: Cast) -> None:
    issued = invite(cast.member(cast.alice), CHARLIE, Role.VIEWER)
    Invitation.objects.update(expires_at=timezone.now() + timedelta(seconds=30))
    assert accept(cast.charlie, hash_of(issued.token)).role == "viewer"


def test_a_revoked_invitation_lets_nobody_in(cast: Cast) -> None:
    issued = invite(cast.member(cast.alice), CHARLIE, Role.VIEWER)
    revoke(cast.member(cast.dora), issued.invitation)
    revoke(cast.member(cast.dora), issued.invitation)
    with pytest.raises(InvitationRevoked):
        accept(cast.charlie, hash_of(issued.token))
    assert waiting_in(cast.workspace) == []


def test_an_invitation_works_once(cast: Cast) -> None:
    issued = invite(cast.member(cast.alice), CHARLIE, Role.MEMBER)
    accept(cast.charlie, hash_of(issued.token))
    with pytest.raises(InvitationUsed):
        accept(cast.charlie, hash_of(issued.token))
    leave_workspace(cast.member(cast.charlie))
    with pytest.raises(InvitationUsed):
        accept(cast.charlie, hash_of(issued.token))
    assert not Member.objects.filter(workspace=cast.workspace, user=cast.charlie).exists()


def test_an_accepted_invitation_is_neither_revoked_nor_sent_again(cast: Cast) -> None:
    issued = invite(cast.member(cast.alice), CHARLIE, Role.MEMBER)
    accept(cast.charlie, hash_of(issued.token))
    with pytest.raises(InvitationUsed):
        revoke(cast.member(cast.alice), issued.invitation)
    with pytest.raises(InvitationUsed):
        resend(cast.member(cast.alice), issued.invitation)


def test_the_link_lets_nobody_else_in(cast: Cast) -> None:
    issued = invite(cast.member(cast.alice), "ada@example.org", Role.ADMIN)
    with pytest.raises(WrongAddress) as refused:
        accept(cast.charlie, hash_of(issued.token))
    assert refused.value.sentence == (
        "This invitation is for ada@example.org, and you are signed in as charlie@example.org. "
        "Sign in with that address, or ask for an invitation to charlie@example.org."
    )
    assert accept_is_open(issued.token)


def accept_is_open(token: str) -> bool:
    return find(hash_of(token)).accepted_at is None


def test_an_address_that_is_not_confirmed_is_not_enough(cast: Cast) -> None:
    issued = invite(cast.member(cast.alice), CHARLIE, Role.ADMIN)
    cast.charlie.emailaddress_set.update(verified=False)
    with pytest.raises(WrongAddress):
        accept(cast.charlie, hash_of(issued.token))


def test_a_made_up_token_is_unknown(cast: Cast) -> None:
    with pytest.raises(InvitationUnknown):
        accept(cast.charlie, hash_of("guess"))
    with pytest.raises(InvitationUnknown):
        find("")


def test_sending_again_makes_a_new_link_and_kills_the_old_one(cast: Cast) -> None:
    first = invite(cast.member(cast.alice), CHARLIE, Role.MEMBER)
    age(first.invitation, days=settings.INVITATION_DAYS + 1)
    second = resend(cast.member(cast.dora), first.invitation)
    assert second.invitation.pk == first.invitation.pk
    assert second.invitation.sends == 2
    with pytest.raises(InvitationUnknown):
        accept(cast.charlie, hash_of(first.token))
    assert accept(cast.charlie, hash_of(second.token)).role == "member"


def test_sending_again_at_once_is_too_soon(cast: Cast) -> None:
    issued = invite(cast.member(cast.alice), CHARLIE, Role.MEMBER)
    with pytest.raises(TooSoon):
        resend(cast.member(cast.alice), issued.invitation)
    assert accept(cast.charlie, hash_of(issued.token)).role == "member"


def test_inviting_twice_is_refused_until_the_first_has_expired(cast: Cast) -> None:
    first = invite(cast.member(cast.alice), CHARLIE, Role.MEMBER)
    with pytest.raises(AlreadyInvited):
        invite(cast.member(cast.alice), "CHARLIE@example.org", Role.ADMIN)
    age(first.invitation, days=settings.INVITATION_DAYS)
    again = invite(cast.member(cast.dora), CHARLIE, Role.ADMIN)
    assert (again.invitation.pk, again.invitation.role) == (first.invitation.pk, "admin")
    assert accept(cast.charlie, hash_of(again.token)).role == "admin"


def test_after_revoking_one_may_invite_anew(cast: Cast) -> None:
    first = invite(cast.member(cast.alice), CHARLIE, Role.MEMBER)
    revoke(cast.member(cast.alice), first.invitation)
    second = invite(cast.member(cast.alice), CHARLIE, Role.VIEWER)
    assert accept(cast.charlie, hash_of(second.token)).role == "viewer"


def test_a_member_is_not_invited(cast: Cast) -> None:
    with pytest.raises(AlreadyMember) as refused:
        invite(cast.member(cast.alice), "BOB@example.org", Role.ADMIN)
    assert refused.value.sentence == "bob@example.org is a member of Alice's workspace already."


def test_who_became_a_member_meanwhile_keeps_their_role(cast: Cast) -> None:
    issued = invite(cast.member(cast.alice), CHARLIE, Role.ADMIN)
    Member.objects.create(workspace=cast.workspace, user=cast.charlie, role=Role.VIEWER)
    assert accept(cast.charlie, hash_of(issued.token)).role == "viewer"


@pytest.mark.parametrize("by", ["bob", "emil"])
def test_a_viewer_or_member_may_not_invite_resend_or_revoke(cast: Cast, by: str) -> None:
    issued = invite(cast.member(cast.alice), CHARLIE, Role.VIEWER)
    me = cast.member(getattr(cast, by))
    with pytest.raises(NotAllowed):
        invite(me, "ada@example.org", Role.VIEWER)
    with pytest.raises(NotAllowed):
        resend(me, issued.invitation)
    with pytest.raises(NotAllowed):
        revoke(me, issued.invitation)
    assert Invitation.objects.get() == issued.invitation


@pytest.mark.parametrize("by", ["alice", "dora"])
def test_nobody_is_invited_as_an_owner(cast: Cast, by: str) -> None:
    with pytest.raises(NotAllowed):
        invite(cast.member(getattr(cast, by)), CHARLIE, Role.OWNER)
    assert not Invitation.objects.exists()


def test_one_workspace_sends_so_many_a_day_and_no_more(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invitations, "SENDS_PER_DAY", 3)
    alice = cast.member(cast.alice)
    for name in ("one", "two", "three"):
        issued = invite(alice, f"{name}@example.net", Role.VIEWER)
        revoke(alice, issued.invitation)
    with pytest.raises(TooManyInvitations):
        invite(alice, "four@example.net", Role.VIEWER)
    age(issued.invitation, days=2)
    assert invite(alice, "four@example.net", Role.VIEWER).invitation.sends == 1
