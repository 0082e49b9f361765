"""The operator's view of what clients have asked for; webhook addresses may carry secrets and are not shown."""

from __future__ import annotations

from django.contrib import admin

from studio.admin import ReadOnly
from studio.gateway.models import GatewayFile, GatewayLetter, GatewayRequest


class LetterInline(ReadOnly, admin.TabularInline[GatewayLetter, GatewayRequest]):
    model = GatewayLetter
    extra = 0
    fields = ("state", "tries", "last_answer", "created_at", "ended_at")


@admin.register(GatewayRequest)
class GatewayRequestAdmin(ReadOnly, admin.ModelAdmin[GatewayRequest]):
    list_display = ("reference", "protocol", "workspace", "model", "state", "render", "created_at")
    list_filter = ("protocol", "state", "created_at")
    search_fields = ("=id", "=reference", "=client_reference", "workspace__slug", "=render__id")
    exclude = ("webhook_url", "wish", "asked")
    inlines = (LetterInline,)


@admin.register(GatewayFile)
class GatewayFileAdmin(ReadOnly, admin.ModelAdmin[GatewayFile]):
    list_display = ("name", "workspace", "content_type", "bytes", "created_at", "expires_at")
    search_fields = ("=id", "workspace__slug")
    exclude = ("file",)
