from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from avatarsite.admin.base import ModelAdmin, Work
from avatarsite.admin.columns import age
from avatarsite.admin.read_only import Kept
from avatarsite.alerts import close_by_hand
from avatarsite.models import Alert


@admin.register(Alert)
class AlertAdmin(Kept, ModelAdmin[Alert]):
    work = Work.DAILY
    place = 10
    list_display = (
        "message",
        "kind",
        "count",
        age("first_at"),
        age("last_at", "last"),
        age("closed_at", "closed"),
    )
    list_filter = ("kind", ("closed_at", admin.EmptyFieldListFilter), "last_at")
    search_fields = ("key", "message")
    ordering = ("closed_at", "-last_at")
    fields = (
        *("kind", "key", "message", "what_to_do", "how_it_closes"),
        *("detail", "count", "first_at", "last_at", "closed_at"),
    )
    readonly_fields = fields
    actions = ("close",)

    @admin.display(description="what to do")
    def what_to_do(self, alert: Alert) -> str:
        return alert.of_kind.what_to_do

    @admin.display(description="how it closes")
    def how_it_closes(self, alert: Alert) -> str:
        return alert.of_kind.how_it_closes

    @admin.action(description="Close", permissions=["change"])
    def close(self, request: HttpRequest, alerts: QuerySet[Alert]) -> None:
        closed = [alert for alert in alerts if close_by_hand(alert)]
        for alert in closed:
            self.log_change(request, alert, "Closed.")
        self.message_user(request, f"{len(closed)} closed.")
