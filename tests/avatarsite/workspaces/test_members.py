from __future__ import annotations

import pytest
from django.db.models import ProtectedError

from avatarsite.workspaces.errors import LastOwner, NotAllowed, NotAMember
from avatarsite.workspaces.members import change_role, hand_over, leave_workspace, remove_member
from avatarsite.workspaces.models import Member, Role, User
from tests.conftest import Cast

pytestmark = pytest.mark.django_db


def roles(cast: Cast) -> dict[str, str]:
    rows = Member.objects.filter(workspace=cast.workspace).values_list("user__name", "role")
    return {name.split()[0].lower(): role for name, role in rows}


BEFORE = {"alice": "owner", "bob": "viewer", "dora": "admin", "emil": "member"}


def test_an_owner_makes_a_viewer_an_admin(cast: Cast) -> None:
    change_role(cast.member(cast.alice), cast.member(cast.bob), Role.ADMIN)
    assert roles(cast) == BEFORE | {"bob": "admin"}


def test_an_admin_makes_a_viewer_a_member(cast: Cast) -> None:
    change_role(cast.member(cast.dora), cast.member(cast.bob), Role.MEMBER)
    assert roles(cast) == BEFORE | {"bob": "member"}


@pytest.mark.parametrize(
    ("by", "target", "role"),
    [
        ("bob", "emil", Role.VIEWER),
        ("bob", "bob", Role.OWNER),
        ("emil", "bob", Role.MEMBER),
        ("dora", "bob", Role.OWNER),
        ("dora", "dora", Role.OWNER),
        ("dora", "alice", Role.ADMIN),
    ],
)
def test_a_role_that_does_not_reach_changes_nothing(cast: Cast, by: str, target: str, role: Role) -> None:
    with pytest.raises(NotAllowed):
        change_role(cast.member(getattr(cast, by)), cast.member(getattr(cast, target)), role)
    assert roles(cast) == BEFORE


def test_what_a_refusal_says(cast: Cast) -> None:
    with pytest.raises(NotAllowed) as refused:
        change_role(cast.member(cast.dora), cast.member(cast.bob), Role.OWNER)
    assert refused.value.sentence == (
        "As an admin here you may not decide who owns the workspace. Ask an owner of Alice's workspace."
    )


def test_the_last_owner_stays_an_owner(cast: Cast) -> None:
    alice = cast.member(cast.alice)
    with pytest.raises(LastOwner) as refused:
        change_role(alice, alice, Role.ADMIN)
    assert refused.value.sentence == (
        "Alice Example is the only owner of Alice's workspace. Make somebody else an owner first."
    )
    with pytest.raises(LastOwner):
        leave_workspace(alice)
    assert roles(cast) == BEFORE


def test_with_a_second_owner_the_first_may_go(cast: Cast) -> None:
    change_role(cast.member(cast.alice), cast.member(cast.dora), Role.OWNER)
    leave_workspace(cast.member(cast.alice))
    assert roles(cast) == {"bob": "viewer", "dora": "owner", "emil": "member"}


def test_an_owner_removes_another_owner_but_never_themselves(cast: Cast) -> None:
    change_role(cast.member(cast.alice), cast.member(cast.dora), Role.OWNER)
    alice = cast.member(cast.alice)
    with pytest.raises(NotAllowed) as refused:
        remove_member(alice, alice)
    assert refused.value.sentence == "You can't remove yourself; leave the workspace instead."
    remove_member(alice, cast.member(cast.dora))
    assert roles(cast) == {"alice": "owner", "bob": "viewer", "emil": "member"}


@pytest.mark.parametrize(("by", "target"), [("bob", "emil"), ("emil", "bob"), ("dora", "alice")])
def test_who_may_not_remove_whom(cast: Cast, by: str, target: str) -> None:
    with pytest.raises(NotAllowed):
        remove_member(cast.member(getattr(cast, by)), cast.member(getattr(cast, target)))
    assert roles(cast) == BEFORE


def test_handing_over_makes_one_an_owner_and_the_other_an_admin(cast: Cast) -> None:
    hand_over(cast.member(cast.alice), cast.member(cast.bob))
    assert roles(cast) == BEFORE | {"alice": "admin", "bob": "owner"}


def test_only_an_owner_hands_over_and_only_to_somebody_else(cast: Cast) -> None:
    with pytest.raises(NotAllowed):
        hand_over(cast.member(cast.dora), cast.member(cast.bob))
    with pytest.raises(NotAllowed):
        hand_over(cast.member(cast.alice), cast.member(cast.alice))
    assert roles(cast) == BEFORE


def test_a_role_that_was_taken_away_meanwhile_counts_no_more(cast: Cast) -> None:
    dora = cast.member(cast.dora)
    change_role(cast.member(cast.alice), dora, Role.VIEWER)
    assert dora.role == Role.ADMIN, "the page that Dora looks at was built before"
    with pytest.raises(NotAllowed):
        remove_member(dora, cast.member(cast.bob))


def test_somebody_who_has_gone_cannot_be_changed(cast: Cast) -> None:
    bob = cast.member(cast.bob)
    remove_member(cast.member(cast.alice), bob)
    with pytest.raises(NotAMember) as refused:
        change_role(cast.member(cast.alice), bob, Role.ADMIN)
    assert refused.value.sentence == "Bob Example is not a member of Alice's workspace any more."


def test_nobody_reaches_into_another_workspace(cast: Cast) -> None:
    charlie = Member.objects.get(user=cast.charlie)
    with pytest.raises(NotAMember):
        change_role(charlie, cast.member(cast.bob), Role.ADMIN)
    with pytest.raises(NotAMember):
        remove_member(charlie, cast.member(cast.bob))
    assert roles(cast) == BEFORE


def test_a_person_who_belongs_somewhere_is_not_deleted(cast: Cast) -> None:
    with pytest.raises(ProtectedError):
        cast.alice.delete()
    assert User.objects.filter(pk=cast.alice.pk).exists()
