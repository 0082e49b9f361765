from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse

from avatarsite.admin.base import ModelAdmin, Work
from avatarsite.admin.read_only import ReadOnly, customer
from avatarsite.audit.export import audit_csv
from avatarsite.audit.models import AuditEntry
from avatarsite.csv_files import csv_response


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnly, ModelAdmin[AuditEntry]):
    work = Work.CUSTOMERS
    place = 50
    title = "Audit log"
    list_display = ("at", "actor", "actor_kind", "what", "why", "workspace", "address")
    list_filter = ("actor_kind", "at", "event")
    search_fields = ("actor", "target", "what", "why", "address", *customer())
    list_select_related = ("workspace",)
    ordering = ("-id",)
    date_hierarchy = "at"
    show_full_result_count = False
    actions = ("export",)

    @admin.action(description="Download the chosen entries (CSV)", permissions=["view"])
    def export(self, request: HttpRequest, entries: QuerySet[AuditEntry]) -> StreamingHttpResponse:
        return csv_response("audit.csv", audit_csv(entries))
