"""Rows that the admin site shows and the product alone makes, changes or deletes: mixins for its pages and inlines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import PROTECT, Model
from django.http import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from django.contrib.admin.options import BaseModelAdmin, ModelAdmin

    Base = BaseModelAdmin[Any]
    Page = ModelAdmin[Any]
else:
    Base = Page = object


class Kept(Base):
    """Neither made nor deleted here. What may be changed, the page's fields and actions say."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ReadOnly(Kept):
    """Looked at, and no more."""

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ActionsOnly(Kept):
    """Looked at, and acted upon from the list by those who may change it."""

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return obj is None and super().has_change_permission(request)


class DeletedAlone(Page):
    """Deleted one by one, on its own page, which offers it only while nothing protects the row."""

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return {name: action for name, action in super().get_actions(request).items() if name != "delete_selected"}

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        more = {"show_delete": row is not None and not is_protected(row)}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})


def is_protected(row: Model) -> bool:
    """Whether other rows forbid that it is deleted, such as a wallet its workspace."""
    return any(
        relation.on_delete is PROTECT
        and relation.related_model._default_manager.filter(**{relation.field.name: row}).exists()  # noqa: SLF001 -- Django's own API
        for relation in row._meta.related_objects  # noqa: SLF001 -- as above
    )


def customer(path: str = "workspace") -> tuple[str, ...]:
    """What a customer is searched by, where ``path`` leads to the workspace: its names, and its members' addresses."""
    return tuple(f"{path}__{name}" for name in ("slug", "name", "memberships__user__email"))
