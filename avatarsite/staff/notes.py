"""Notes of staff on a customer."""

from __future__ import annotations

import uuid

from avatarsite.staff.models import TEXT_LENGTH, StaffNote
from avatarsite.workspaces.models import User, Workspace


def add_note(workspace: Workspace, text: str, *, author: User, token: uuid.UUID) -> bool:
    """Write it down; False for the same form again. ValueError for an empty or a long one."""
    text = text.strip()
    if not 0 < len(text) <= TEXT_LENGTH:
        raise ValueError(f"The note has {len(text):,} characters; write 1 to {TEXT_LENGTH:,}.")
    written = {"workspace": workspace, "author": author, "text": text}
    return StaffNote.objects.get_or_create(token=token, defaults=written)[1]
