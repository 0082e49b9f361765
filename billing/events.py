"""Events for customers' webhooks (``avatarsite/outbox``): the one place where billing publishes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from avatarsite.outbox.events import record_event
from avatarsite.workspaces.models import Workspace
from billing.money import shown


def publish(workspace: Workspace, kind: str, *, subject: str, data: Mapping[str, Any]) -> None:
    """Publish an event in the caller's transaction, so that it is sent if and only if what it tells of has happened.

    ``…_micros`` in ``data`` is told as the API spells money: ``amount_micros=5`` as ``"amount": {…}``.
    """
    record_event(workspace.pk, kind, subject=subject, data=dict(map(_as_api_value, data.items())))


def _as_api_value(item: tuple[str, Any]) -> tuple[str, Any]:
    name, value = item
    if not name.endswith("_micros") or not isinstance(value, int):
        return item
    name = name.removesuffix("_micros")
    return name, {"amount_micros": value, "currency": "USD", "display": shown(name, value)}
