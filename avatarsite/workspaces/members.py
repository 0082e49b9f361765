"""Members: who belongs to a workspace and as what. A workspace always has at least one owner."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from avatarsite.workspaces.access import Action, demand, power_over
from avatarsite.workspaces.errors import LastOwner, NotAllowed, NotAMember
from avatarsite.workspaces.leaving import Ended, cut_to_role, end_access, note_access
from avatarsite.workspaces.models import Member, Role, Workspace


@contextmanager
def one_at_a_time(workspace: Workspace) -> Iterator[None]:
    """A transaction in which nobody else changes who belongs to the workspace.

    PostgreSQL locks the workspace's row; SQLite has begun an IMMEDIATE transaction, so nobody else writes at all.
    Whatever is read inside is what others have committed.
    """
    with transaction.atomic():
        Workspace.objects.select_for_update().get(pk=workspace.pk)
        yield


def change_role(by: Member, target: Member, role: Role, *, take_tokens: bool = False) -> tuple[Member, Ended]:
    """Give ``target`` another role; their tokens are cut to it, or become ``by``'s.

    Raises NotAllowed, NotAMember or LastOwner.
    """
    with one_at_a_time(by.workspace):
        by, target = _as_they_are_now(by, target)
        demand(by, power_over(target))
        if role == Role.OWNER:
            demand(by, Action.MANAGE_OWNERS)
        else:
            _keep_an_owner(target)
        target.role = role
        target.save(update_fields=["role"])
        taker = by if take_tokens and by.pk != target.pk else None
        return target, cut_to_role(target, by=by.user, how=f"is {target.as_role()} now", tokens_to=taker)


def remove_member(by: Member, target: Member, *, take_tokens: bool = False) -> Ended:
    """Take ``target`` out of the workspace; their tokens stop, or become ``by``'s.

    Raises NotAllowed, NotAMember or LastOwner.
    """
    with one_at_a_time(by.workspace):
        by, target = _as_they_are_now(by, target)
        if by.pk == target.pk:
            raise NotAllowed("You can't remove yourself; leave the workspace instead.")
        demand(by, power_over(target))
        _keep_an_owner(target)
        ended = end_access(target, by=by.user, how="was removed", tokens_to=by if take_tokens else None)
        target.delete()
        return ended


def leave_workspace(member: Member) -> None:
    """Anybody may go, except the last owner (LastOwner)."""
    with one_at_a_time(member.workspace):
        (member,) = _as_they_are_now(member)
        _keep_an_owner(member)
        end_access(member, by=member.user, how="has left")
        member.delete()


def hand_over(by: Member, target: Member) -> None:
    """Make ``target`` an owner and ``by`` an admin, together. Raises NotAllowed or NotAMember."""
    with one_at_a_time(by.workspace):
        by, target = _as_they_are_now(by, target)
        demand(by, Action.MANAGE_OWNERS)
        if by.pk == target.pk:
            raise NotAllowed("You own this workspace already; choose somebody else to hand it to.")
        target.role = Role.OWNER
        target.save(update_fields=["role"])
        by.role = Role.ADMIN
        by.save(update_fields=["role"])
        cut_to_role(by, by=by.user, how="is an admin now")
        note_access(target, by=by.user, what="is an owner now")


def _as_they_are_now(by: Member, *others: Member) -> list[Member]:
    """The rows as committed, for what a page was built from may be minutes old."""
    wanted = [by, *others]
    rows = Member.objects.select_related("user", "workspace").filter(workspace=by.workspace)
    found = {row.pk: row for row in rows.filter(pk__in=[member.pk for member in wanted])}
    for member in wanted:
        if member.pk not in found:
            raise NotAMember(f"{member.user.get_full_name()} is not a member of {by.workspace} any more.")
    return [found[member.pk] for member in wanted]


def _keep_an_owner(target: Member) -> None:
    owners = Member.objects.filter(workspace=target.workspace, role=Role.OWNER)
    if target.role == Role.OWNER and not owners.exclude(pk=target.pk).exists():
        raise LastOwner(
            f"{target.user.get_full_name()} is the only owner of {target.workspace}. Make somebody else an owner first."
        )
