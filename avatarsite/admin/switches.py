"""Switches on the desk; the library's flags and samples have no use here."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from waffle.models import Flag, Sample, Switch

from avatarsite.admin.base import ModelAdmin, Work
from avatarsite.admin.read_only import Kept

for unused in (Flag, Sample, Switch):
    admin.site.unregister(unused)


@admin.register(Switch)
class SwitchAdmin(Kept, ModelAdmin[Any]):
    work = Work.PLUMBING
    place = 10
    list_display = ("name", "active", "note", "modified")
    search_fields = ("name",)
    ordering = ("name",)
    fields = ("name", "active", "note")
    readonly_fields = ("name", "note")
