"""Two people at the same button in the same moment, on a real database.

``python -m tests.avatarsite.workspaces.races`` prints, as JSON and for each round of each race, how the two fared and
what the database says then.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from threading import Barrier, Thread

import django

django.setup()

from django.db import connections  # noqa: E402

from avatarsite.ids import new_id  # noqa: E402
from avatarsite.workspaces.create import create_workspace  # noqa: E402
from avatarsite.workspaces.invitations.invitations import accept, hash_of, invite, revoke  # noqa: E402
from avatarsite.workspaces.members import change_role, leave_workspace, remove_member  # noqa: E402
from avatarsite.workspaces.models import Invitation, Member, Role, User, Workspace  # noqa: E402

ROUNDS = 6


def together(*tasks: Callable[[], object]) -> list[str]:
    """Run the tasks at once, each in a thread of its own; ``done`` or the name of the refusal, sorted."""
    start, outcomes = Barrier(len(tasks)), []

    def run(task: Callable[[], object]) -> None:
        try:
            start.wait()
            task()
            outcomes.append("done")
        except Exception as error:  # noqa: BLE001 -- whatever it is, the test compares its name
            outcomes.append(type(error).__name__)
        finally:
            connections.close_all()

    threads = [Thread(target=run, args=[task]) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(outcomes)


def two_owners_leave() -> tuple[list[str], int]:
    first, second = owners()
    outcome = together(lambda: leave_workspace(first), lambda: leave_workspace(second))
    return outcome, Member.objects.filter(workspace=first.workspace, role=Role.OWNER).count()


def two_owners_remove_each_other() -> tuple[list[str], int]:
    first, second = owners()
    outcome = together(lambda: remove_member(first, second), lambda: remove_member(second, first))
    return outcome, Member.objects.filter(workspace=first.workspace, role=Role.OWNER).count()


def two_owners_step_down() -> tuple[list[str], int]:
    first, second = owners()
    outcome = together(lambda: change_role(first, first, Role.VIEWER), lambda: change_role(second, second, Role.VIEWER))
    return outcome, Member.objects.filter(workspace=first.workspace, role=Role.OWNER).count()


def one_invitation_is_accepted_twice() -> tuple[list[str], int]:
    owner, _ = owners()
    guest = person()
    token = hash_of(invite(owner, guest.email, Role.MEMBER).token)
    outcome = together(lambda: accept(guest, token), lambda: accept(guest, token))
    return outcome, Member.objects.filter(workspace=owner.workspace, user=guest).count()


def one_is_revoked_while_it_is_accepted() -> tuple[list[str], int]:
    owner, _ = owners()
    guest = person()
    issued = invite(owner, guest.email, Role.MEMBER)
    outcome = together(lambda: accept(guest, hash_of(issued.token)), lambda: revoke(owner, issued.invitation))
    row = Invitation.objects.get(pk=issued.invitation.pk)
    is_in = Member.objects.filter(workspace=owner.workspace, user=guest).exists()
    # In exactly when it was accepted, and never both accepted and revoked.
    agrees = is_in == bool(row.accepted_at) and bool(row.accepted_at) != bool(row.revoked_at)
    return [name.replace("Used", "").replace("Revoked", "") for name in outcome], int(agrees)


def one_address_is_invited_twice() -> tuple[list[str], int]:
    first, second = owners()
    outcome = together(
        lambda: invite(first, "guest@example.org", Role.MEMBER), lambda: invite(second, "guest@example.org", Role.ADMIN)
    )
    return outcome, Invitation.objects.filter(workspace=first.workspace).count()


def one_name_makes_two_workspaces() -> tuple[list[str], int]:
    first, second = owners()
    outcome = together(
        lambda: create_workspace(first.user, first.user.email), lambda: create_workspace(second.user, first.user.email)
    )
    return outcome, Workspace.objects.filter(name=first.user.email).count()


def person() -> User:
    return User.objects.create_user(f"{new_id('person')}@example.org")


def owners() -> tuple[Member, Member]:
    """Two owners of one new workspace."""
    first, second = person(), person()
    workspace = first.workspaces.get()
    Member.objects.create(workspace=workspace, user=second, role=Role.OWNER)
    members = Member.objects.select_related("user", "workspace")
    return members.get(workspace=workspace, user=first), members.get(workspace=workspace, user=second)


RACES = (
    two_owners_leave,
    two_owners_remove_each_other,
    two_owners_step_down,
    one_invitation_is_accepted_twice,
    one_is_revoked_while_it_is_accepted,
    one_address_is_invited_twice,
    one_name_makes_two_workspaces,
)

if __name__ == "__main__":
    sys.stdout.write(json.dumps({race.__name__: [race() for _ in range(ROUNDS)] for race in RACES}))
