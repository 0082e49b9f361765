from __future__ import annotations

from django.contrib import admin

from avatarsite.admin.base import ModelAdmin, Work
from avatarsite.admin.read_only import ReadOnly, customer
from avatarsite.staff.models import StaffNote


@admin.register(StaffNote)
class StaffNoteAdmin(ReadOnly, ModelAdmin[StaffNote]):
    """Written on the customer's page."""

    work = Work.CUSTOMERS
    place = 15
    title = "Notes"
    list_display = ("at", "workspace", "author", "text")
    list_select_related = ("workspace", "author")
    search_fields = ("text", "author__email", *customer())
    ordering = ("-id",)
    fields = ("at", "workspace", "author", "text")
    date_hierarchy = "at"
