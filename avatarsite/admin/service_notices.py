from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from avatarsite.admin.base import ModelAdmin, Work
from avatarsite.admin.read_only import DeletedAlone
from avatarsite.models import ServiceNotice
from avatarsite.service import notices as service_notices


@admin.register(ServiceNotice)
class ServiceNoticeAdmin(DeletedAlone, ModelAdmin[ServiceNotice]):
    work = Work.CUSTOMERS
    place = 10
    list_display = ("text", "level", "starts_at", "ends_at")
    search_fields = ("text",)
    ordering = ("-starts_at",)
    actions = ("end_now",)

    def save_model(self, request: HttpRequest, obj: ServiceNotice, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        service_notices.forget()

    def delete_model(self, request: HttpRequest, obj: ServiceNotice) -> None:
        super().delete_model(request, obj)
        service_notices.forget()

    @admin.action(description="End now", permissions=["change"])
    def end_now(self, request: HttpRequest, notices: QuerySet[ServiceNotice]) -> None:
        ended = [notice for notice in notices if service_notices.end(notice)]
        for notice in ended:
            self.log_change(request, notice, "Ended.")
        self.message_user(request, f"{len(ended)} ended.")
