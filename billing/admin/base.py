"""Base of billing's admin pages: rows are looked at, and amounts read as money."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.html import format_html

from avatarsite.admin.base import ModelAdmin
from avatarsite.admin.read_only import ReadOnly
from billing.money import usd

M = TypeVar("M", bound=models.Model)


class ReadOnlyAdmin(ReadOnly, ModelAdmin[M], Generic[M]):
    show_full_result_count = False
    list_per_page = 50
    money_of_a_row: tuple[Any, ...] = ()  # columns of money that the list has no room for

    def get_fields(self, request: HttpRequest, obj: M | None = None) -> Any:
        """A row's page shows its amounts as money, as its list does."""
        shown = (*self.list_display, *self.money_of_a_row)
        columns = {getattr(column, "admin_order_field", ""): column for column in shown if _is_money(column)}
        return [columns.get(name, name) for name in super().get_fields(request, obj)]


def _is_money(column: Any) -> bool:
    return callable(column) and not getattr(column, "of_list_only", False)


def dollars(field: str, title: str) -> Any:
    """A column that shows a field of micro-dollars as money."""

    @admin.display(description=title, ordering=field)
    def column(row: models.Model) -> str | None:
        micros = getattr(row, field)
        return None if micros is None else format_html('<span class="desk__whole">{}</span>', usd(micros))

    return column
