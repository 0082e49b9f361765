"""What all of billing's admin pages have in common: rows are looked at, and amounts read as money."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from django.contrib import admin
from django.db import models

from avatarsite.read_only_admin import ReadOnly
from billing.money import usd

M = TypeVar("M", bound=models.Model)


class ReadOnlyAdmin(ReadOnly, admin.ModelAdmin[M], Generic[M]):
    show_full_result_count = False
    list_per_page = 50


def dollars(field: str, title: str) -> Any:
    """A column that shows a field of micro-dollars as money."""

    @admin.display(description=title, ordering=field)
    def column(row: models.Model) -> str:
        micros = getattr(row, field)
        return "" if micros is None else usd(micros)

    return column
