"""Endpoints, deliveries and events as they are: to be looked at, and sent again. Customers change their own."""

from __future__ import annotations

from typing import TypeVar

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from avatarsite.outbox.endpoints import EndpointRefused, resend
from avatarsite.outbox.models import Attempt, Delivery, Endpoint, Event

M = TypeVar("M", bound=Model)
AT_ONCE = 500


class ReadOnly(admin.ModelAdmin[M]):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return obj is None and super().has_change_permission(request)


@admin.register(Endpoint)
class EndpointAdmin(ReadOnly[Endpoint]):
    list_display = ("id", "workspace", "url", "state", "failures", "dark_since", "last_sequence")
    list_filter = ("state",)
    list_select_related = ("workspace",)
    search_fields = ("id", "url", "workspace__slug")
    exclude = ("secret", "old_secret")


class Attempts(admin.TabularInline[Attempt, Delivery]):
    model = Attempt
    readonly_fields = ("at", "code", "took_ms", "answer")
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly[Delivery]):
    list_display = ("id", "endpoint", "sequence", "event", "state", "tries", "next_try_at", "answer_code")
    list_filter = ("state",)
    list_select_related = ("endpoint", "event")
    search_fields = ("id", "endpoint__id", "event__id")
    inlines = (Attempts,)
    actions = ("send_again",)
    show_full_result_count = False

    @admin.action(description="Send again", permissions=["change"])
    def send_again(self, request: HttpRequest, deliveries: QuerySet[Delivery]) -> None:
        done = 0
        for delivery in deliveries.order_by("endpoint", "sequence")[:AT_ONCE]:
            try:
                resend(delivery)
            except EndpointRefused as refusal:
                self.message_user(request, f"{delivery}: {refusal}", messages.WARNING)
            else:
                done += 1
        self.message_user(request, f"{done} on their way once more; at most {AT_ONCE} are at once.")


@admin.register(Event)
class EventAdmin(ReadOnly[Event]):
    list_display = ("id", "workspace", "number", "kind", "subject", "created_at")
    list_filter = ("kind",)
    list_select_related = ("workspace",)
    search_fields = ("id", "subject", "workspace__slug")
    show_full_result_count = False
