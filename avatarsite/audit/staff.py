"""Audit entries of staff: what the admin site logs of its forms and actions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.db.models import Model
from django.http import HttpRequest

from avatarsite.audit.record import record

if TYPE_CHECKING:
    from django.contrib.admin.models import LogEntry
    from django.contrib.admin.options import ModelAdmin

    Page = ModelAdmin[Any]
else:
    Page = object


class Audited(Page):
    """A page whose additions, changes and deletions are audit entries, too."""

    def log_addition(self, request: HttpRequest, obj: Model, message: Any, *, why: str = "") -> LogEntry:
        entry = super().log_addition(request, obj, message)
        _record("added", obj, entry.get_change_message(), why)
        return entry

    def log_change(self, request: HttpRequest, obj: Model, message: Any, *, why: str = "") -> LogEntry:
        """``why`` is the reason that was given, where the message ends with it."""
        entry = super().log_change(request, obj, message)
        if message:  # empty of a form that was sent as it was
            _record("changed", obj, entry.get_change_message(), why)
        return entry

    def log_deletions(self, request: HttpRequest, queryset: Iterable[Model]) -> Any:
        for obj in queryset:
            _record("deleted", obj, "Deleted.")
        return super().log_deletions(request, queryset)  # type: ignore[arg-type]


def _record(act: str, obj: Model, message: str, why: str = "") -> None:
    meta = obj._meta  # noqa: SLF001 -- Django's own API
    workspace = getattr(obj, "workspace", obj if meta.label_lower == "workspaces.workspace" else None)
    message = message.replace(f": {why}", "", 1) if why else message
    record(f"staff.{act}", f"{meta.verbose_name} {obj}: {message}", workspace=workspace, target=obj.pk, why=why)
