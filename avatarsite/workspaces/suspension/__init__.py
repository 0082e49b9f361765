"""Suspension and closing of a workspace: its people and its tokens get no further.

What is under way is finished and charged. A suspension ends again, and so does the wait of a workspace that an owner
closes (``studio/lifecycle/closing.py``); what is closed stays closed. Other apps say why a workspace can't be closed
yet (``asked_to_close``) and end what is theirs (``closing``).
"""

from __future__ import annotations

from datetime import datetime

from django.dispatch import Signal
from django.utils import timezone

from avatarsite.workspaces.errors import CannotClose
from avatarsite.workspaces.members import one_at_a_time
from avatarsite.workspaces.models import ApiToken, Invitation, User, Workspace

# Receivers get ``workspace`` and ``forfeit``, and give a sentence for each thing that stands against it.
asked_to_close = Signal()
# Receivers get the same, within the transaction that closes it.
closing = Signal()


def suspend(workspace: Workspace, *, reason: str) -> bool:
    """Keep its people and tokens out, with a reason that they read. False if it was suspended or closed before."""
    given = _as_sentence(reason)
    found = Workspace.objects.filter(pk=workspace.pk, suspended_at=None)
    return bool(found.update(suspended_at=timezone.now(), suspended_reason=given))


def resume(workspace: Workspace) -> bool:
    """Let them in again; tokens work as before. False if it was not suspended, or is closed."""
    found = Workspace.objects.filter(pk=workspace.pk, suspended_at__isnull=False, closes_at=None, closed_at=None)
    return bool(found.update(suspended_at=None, suspended_reason=""))


def begin_closing(workspace: Workspace, *, until: datetime, reason: str) -> bool:
    """Shut it as its owner wishes, with its tokens and invitations; ``reopen`` undoes that but for those.

    False if it was shut before.
    """
    given, now = _as_sentence(reason), timezone.now()
    with one_at_a_time(workspace):
        found = Workspace.objects.filter(pk=workspace.pk, suspended_at=None)
        if not found.update(suspended_at=now, suspended_reason=given, closes_at=until):
            return False
        _end_access(workspace, now)
    return True


def reopen(workspace: Workspace) -> bool:
    """Let the people of a workspace that is being closed in again. False if it is not."""
    found = Workspace.objects.filter(pk=workspace.pk, closes_at__isnull=False, closed_at=None)
    return bool(found.update(suspended_at=None, suspended_reason="", closes_at=None))


def kept_out_of(user: User) -> Workspace | None:
    """The suspended workspace of somebody who belongs to no open one; staff are never kept out.

    Nor is anybody whose workspace is being closed by its owner: they may have it back, or make another.
    """
    if user.is_staff:
        return None
    found = Workspace.objects.filter(memberships__user=user, closes_at=None, closed_at=None)
    return None if found.filter(suspended_at=None).exists() else found.order_by("pk").first()


def why_not_close(workspace: Workspace, *, forfeit: bool = False) -> list[str]:
    """What stands against closing it, in sentences. With ``forfeit`` paid credit that is left does not."""
    answers = asked_to_close.send(sender=Workspace, workspace=workspace, forfeit=forfeit)
    return [sentence for _, sentences in answers for sentence in sentences or ()]


def close(workspace: Workspace, *, reason: str, forfeit: bool = False) -> bool:
    """Close it for good: tokens are revoked, invitations withdrawn, credit lapses. False if it was closed before.

    Raises CannotClose with what stands against it.
    """
    given, now = _as_sentence(reason), timezone.now()
    with one_at_a_time(workspace):
        if not Workspace.objects.filter(pk=workspace.pk, closed_at=None).exists():
            return False
        closing.send(sender=Workspace, workspace=workspace, forfeit=forfeit)
        if against := why_not_close(workspace, forfeit=forfeit):
            raise CannotClose(" ".join(against))
        _end_access(workspace, now)
        ended = {"suspended_at": now, "suspended_reason": given, "closes_at": None, "closed_at": now}
        Workspace.objects.filter(pk=workspace.pk).update(**ended)
    return True


def _end_access(workspace: Workspace, now: datetime) -> None:
    ApiToken.objects.filter(workspace=workspace, revoked_at=None).update(revoked_at=now)
    Invitation.objects.filter(workspace=workspace, accepted_at=None, revoked_at=None).update(revoked_at=now)


def _as_sentence(reason: str) -> str:
    given = reason.strip()
    if not given:
        raise ValueError("The reason is empty; write why, for its people read it.")
    return given if given[-1] in ".!?" else f"{given}."
