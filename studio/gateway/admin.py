"""Admin pages of clients' requests, webhooks and files; webhook addresses may carry secrets and are not shown."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from avatarsite.admin.base import ModelAdmin, TabularInline, Work
from avatarsite.admin.columns import age, late, overdue
from avatarsite.admin.read_only import ActionsOnly, ReadOnly, customer
from studio.gateway.models import GatewayFile, GatewayRequest, GatewayWebhook
from studio.gateway.webhooks import send_again


class WebhookInline(ReadOnly, TabularInline[GatewayWebhook, GatewayRequest]):
    model = GatewayWebhook
    extra = 0
    fields = readonly_fields = ("state", "tries", "last_answer", "created_at", "ended_at")


@admin.register(GatewayRequest)
class GatewayRequestAdmin(ReadOnly, ModelAdmin[GatewayRequest]):
    work = Work.CUSTOMERS
    place = 110
    list_display = ("reference", "protocol", "workspace", "model", "state", "render", age())
    list_filter = (overdue(late("next_try_at")), "protocol", "state", "created_at")
    search_fields = ("=id", "=reference", "=client_reference", *customer(), "=render__id")
    exclude = ("webhook_url", "params", "body")
    inlines = (WebhookInline,)


@admin.register(GatewayWebhook)
class GatewayWebhookAdmin(ActionsOnly, ModelAdmin[GatewayWebhook]):
    work = Work.CUSTOMERS
    place = 120
    list_display = ("request", "state", "tries", "last_answer", age("ended_at", "ended"), age())
    list_filter = (overdue(late("next_try_at")), "state", "created_at", "request__protocol")
    list_select_related = ("request",)
    search_fields = ("=request__id", "=request__reference", *customer("request__workspace"), "=render__id")
    actions = ("again",)

    @admin.action(description="Send again", permissions=["change"])
    def again(self, request: HttpRequest, webhooks: QuerySet[GatewayWebhook]) -> None:
        sent = [webhook for webhook in webhooks if send_again(webhook)]
        for webhook in sent:
            self.log_change(request, webhook, "Sent again by hand")
        level = messages.SUCCESS if sent else messages.WARNING
        self.message_user(request, f"{len(sent)} of {len(webhooks)} sent again; the others are on their way.", level)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("gateway.view_gatewaywebhook")


@admin.register(GatewayFile)
class GatewayFileAdmin(ReadOnly, ModelAdmin[GatewayFile]):
    work = Work.PLUMBING
    place = 50
    list_display = ("name", "workspace", "content_type", "bytes", "expires_at", age())
    search_fields = ("=id", *customer())
    exclude = ("file",)
