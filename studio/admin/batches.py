"""Batches and tables on the desk: what was asked for in one breath, what each row of a file said, and became."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from avatarsite.admin.base import ModelAdmin, Work
from avatarsite.admin.read_only import ReadOnly, customer
from billing.money import usd, usd_at_most
from studio.models import BatchRow, BatchTable, RenderGroup
from studio.pipeline.request.batches import status_of


@admin.register(RenderGroup)
class RenderGroupAdmin(ReadOnly, ModelAdmin[RenderGroup]):
    work = Work.CUSTOMERS
    place = 72
    list_display = ("id", "workspace", "is_batch", "videos", "created_at")
    list_filter = ("is_batch",)
    list_select_related = ("workspace",)
    search_fields = ("id", *customer())
    ordering = ("-id",)
    readonly_fields = ("states", "held", "charged", "its_videos")

    def get_queryset(self, request: HttpRequest) -> QuerySet[RenderGroup]:
        groups: QuerySet[RenderGroup] = super().get_queryset(request)
        return groups.annotate(size=Count("renders"))

    @admin.display(description="videos")
    def videos(self, group: RenderGroup) -> int:
        return int(getattr(group, "size", 0))

    @admin.display(description="states")
    def states(self, group: RenderGroup) -> str:
        return ", ".join(f"{count:,} {state}" for state, count in status_of(group).states.items() if count)

    @admin.display(description="maximum charge")
    def held(self, group: RenderGroup) -> str:
        return usd_at_most(status_of(group).ceiling_micros)

    @admin.display(description="charged")
    def charged(self, group: RenderGroup) -> str:
        return usd(status_of(group).charged_micros)

    @admin.display(description="its videos")
    def its_videos(self, group: RenderGroup) -> SafeString:
        return _listed("render", f"group={group.pk}", "Look at them")


@admin.register(BatchTable)
class BatchTableAdmin(ReadOnly, ModelAdmin[BatchTable]):
    work = Work.CUSTOMERS
    place = 73
    list_display = ("name", "workspace", "state", "made_by", "why", "created_at")
    list_filter = ("state",)
    list_select_related = ("workspace", "made_by")
    search_fields = ("id", "name", *customer())
    ordering = ("-id",)
    readonly_fields = ("its_rows",)

    @admin.display(description="rows")
    def its_rows(self, table: BatchTable) -> SafeString:
        return _listed("batchrow", f"table={table.pk}", f"Look at its {table.rows.count():,}")


@admin.register(BatchRow)
class BatchRowAdmin(ReadOnly, ModelAdmin[BatchRow]):
    work = Work.CUSTOMERS
    place = 74
    list_display = ("number", "table", "state", "wrong", "render")
    list_filter = ("state",)
    list_select_related = ("table", "render")
    search_fields = ("table__id", "table__name", "render__id", *customer("table__workspace"))
    ordering = ("-table", "number")

    @admin.display(description="what is wrong")
    def wrong(self, row: BatchRow) -> str:
        return " ".join(f"{column}: {told}" for column, told in row.errors)


def _listed(model: str, asked: str, words: str) -> SafeString:
    return format_html('<a href="{}?{}">{}</a>', reverse(f"admin:studio_{model}_changelist"), asked, words)
