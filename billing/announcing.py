"""The one seam to the letters that customers' programs get (``avatarsite/outbox``)."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from avatarsite.workspaces.models import Workspace

_EVENTS = "avatarsite.outbox.events"


def announce(workspace: Workspace, kind: str, *, subject: str, data: Mapping[str, Any]) -> None:
    """Record an event in the caller's transaction, so that it is told if and only if what it tells of has happened."""
    if find_spec("avatarsite.outbox") and find_spec(_EVENTS):
        import_module(_EVENTS).record_event(workspace, kind, subject=subject, data=data)
