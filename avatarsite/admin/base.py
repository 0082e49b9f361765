"""Base classes of every page of the admin site: django-unfold's, with the kind of work that a page is for."""

from __future__ import annotations

import logging
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from django.contrib import messages
from django.contrib.admin.templatetags.admin_urls import admin_urlname
from django.contrib.admin.utils import unquote
from django.db import IntegrityError, models, transaction
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
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

logger = logging.getLogger(__name__)
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
        """The row that an address names. Lists write an underscore as _5F, which only Django's own pages read so.

        A form that is sent about it waits for another's, and is read against what that has done.
        """
        object_id = unquote(object_id)
        row = super().get_object(request, object_id, from_field)
        if row is None or request.method != "POST" or not transaction.get_connection().in_atomic_block:
            return row
        list(self.model._base_manager.select_for_update().filter(pk=row.pk).values_list("pk"))  # noqa: SLF001
        return super().get_object(request, object_id, from_field)

    def save_model(self, request: HttpRequest, obj: Row, form: Any, change: bool) -> None:
        """A new row is new: where another's number is its key, it never takes the place of a colleague's."""
        if change:
            super().save_model(request, obj, form, change)
        else:
            obj.save(force_insert=True)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except IntegrityError:
            if request.method != "POST":
                raise
            logger.warning("a form about %s was not saved", self.opts.label, exc_info=True)
        self.message_user(request, "Somebody was first; nothing was done. Look at how it is now.", messages.WARNING)
        return HttpResponseRedirect(reverse(admin_urlname(self.opts, SafeString("changelist"))))


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
