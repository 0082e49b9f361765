from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from avatarsite.admin.base import ModelAdmin, Work
from avatarsite.admin.read_only import ReadOnly
from avatarsite.legal.models import Acceptance, LegalText, Page
from avatarsite.legal.texts import wording_of


@admin.register(LegalText)
class LegalTextAdmin(ModelAdmin[LegalText]):
    """A wording is published by adding it, and stays as it is: people have accepted it."""

    work = Work.CUSTOMERS
    place = 80
    list_display = ("page", "published_at")
    list_filter = ("page",)
    search_fields = ("body",)
    ordering = ("-id",)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        page = request.GET.get("page", Page.TERMS)
        known = Page(page) if page in Page.values else Page.TERMS
        return {"page": known, "body": wording_of(known).body}

    def has_change_permission(self, request: HttpRequest, obj: LegalText | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: LegalText | None = None) -> bool:
        return False


@admin.register(Acceptance)
class AcceptanceAdmin(ReadOnly, ModelAdmin[Acceptance]):
    work = Work.CUSTOMERS
    place = 81
    list_display = ("user", "page", "text", "at")
    list_filter = ("page",)
    list_select_related = ("user", "text")
    search_fields = ("user__email",)
    ordering = ("-id",)
