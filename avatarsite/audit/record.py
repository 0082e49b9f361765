"""Recording an act in the audit log."""

from __future__ import annotations

from typing import Any

from avatarsite.audit.actor import SERVICE, Actor, current
from avatarsite.audit.models import TEXT_LENGTH, ActorKind, AuditEntry


def record(  # noqa: PLR0913 -- they are the columns of the row
    event: str,
    what: str,
    *,
    workspace: Any = None,
    target: object = "",
    why: str = "",
    by: Any = None,
    shown: bool | None = None,
) -> AuditEntry:
    """Write an entry, in the caller's transaction if there is one.

    ``event`` is ``room.act``, ``what`` a sentence about the past, ``target`` the id of what it was done to. Who did it
    is whoever the request is of; without one, the user ``by`` or the service. A workspace sees its own entries, but
    those of staff only where ``shown`` says so.
    """
    actor = current()
    if actor == SERVICE and by is not None:
        actor = Actor(ActorKind.MEMBER, by.email, by.pk)
    return AuditEntry.objects.create(
        workspace=workspace,
        actor_kind=actor.kind,
        actor_user_id=actor.user_id,
        actor=actor.name[:254],
        address=actor.address,
        event=event,
        target=str(target)[:200],
        what=what[:TEXT_LENGTH],
        why=why[:TEXT_LENGTH],
        shown=actor.kind != ActorKind.STAFF if shown is None else shown,
    )
