"""Base classes of every page of the admin site: django-unfold's, with the kind of work that a page is for."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from django.contrib.admin.utils import unquote
from django.db import models
from django.http import HttpRequest
from django_stubs_ext import StrOrPromise

from avatarsite.audit.staff import Audited

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin as ThemedModelAdmin
    from django.contrib.admin import StackedInline as ThemedStackedInline
    from django.contrib.admin import TabularInline as ThemedTabularInline
else:
    from unfold.admin import ModelAdmin as ThemedModelAdmin
    from unfold.admin import StackedInline as ThemedStackedInline
    from unfold.admin import TabularInline as ThemedTabularInline

Row = TypeVar("Row", bound=models.Model)
Parent = TypeVar("Parent", bound=models.Model)


class Work(StrEnum):
    """What a list is opened for: the groups of the navigation, in their order."""

    DAILY = "Daily"
    MONEY = "Money"
    CUSTOMERS = "Customers"
    PLUMBING = "Plumbing"


class ModelAdmin(Audited, ThemedModelAdmin[Row], Generic[Row]):
    """``work`` is the group of the navigation, ``place`` the order in it, ``title`` a name other than the model's."""

    work = Work.PLUMBING
    place = 100
    title: StrOrPromise = ""
    list_filter_sheet = False
    list_per_page = 50
    show_full_result_count = False  # a list may have millions

    def get_title(self) -> str:
        return str(self.title or self.opts.verbose_name_plural)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Row | None:
        """The row that an address names. Lists write an underscore as _5F, which only Django's own pages read so."""
        return super().get_object(request, unquote(object_id), from_field)


class TabularInline(ThemedTabularInline[Row, Parent], Generic[Row, Parent]):
    extra = 0


class StackedInline(ThemedStackedInline[Row, Parent], Generic[Row, Parent]):
    extra = 0


def themed(page: type[Any]) -> type[Any]:
    """The same page on our base: what a library registers for its models knows no theme."""
    if issubclass(page, ModelAdmin):
        return page
    # Django's widget of two lists has no labels that a screen reader may read.
    return type(page.__name__, (page, ModelAdmin), {"filter_horizontal": ()})
