from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from avatarsite.admin.base import ModelAdmin, Work
from avatarsite.admin.columns import age, one_of, overdue
from avatarsite.admin.read_only import ActionsOnly
from avatarsite.inbox.models import InboundEvent
from avatarsite.inbox.receive import replay, unhandled
from avatarsite.inbox.sources import SOURCES

MAX_SHOWN = 20_000


@admin.register(InboundEvent)
class InboundEventAdmin(ActionsOnly, ModelAdmin[InboundEvent]):
    work = Work.DAILY
    place = 60
    title = "Incoming webhooks"
    list_display = (
        *("source", "event_id", "signature_status", "deliveries", "tries"),
        *(age("received_at"), age("handled_at", "handled"), "outcome"),
    )
    list_filter = (
        overdue(unhandled, "Not handled"),
        one_of("source", lambda: sorted(SOURCES)),
        "signature_status",
        "received_at",
    )
    search_fields = ("event_id",)
    ordering = ("-received_at",)
    fields = (
        *(
            "source",
            "event_id",
            "signature_status",
            "address",
            "received_at",
            "deliveries",
            "tries",
            "next_try_at",
            "handled_at",
        ),
        *("outcome", "headers", "query", "text"),
    )
    readonly_fields = fields
    actions = ("handle_again",)

    @admin.display(description="body")
    def text(self, event: InboundEvent) -> str:
        return bytes(event.body[:MAX_SHOWN]).decode("utf-8", "replace")

    @admin.action(description="Handle again", permissions=["change"])
    def handle_again(self, request: HttpRequest, events: QuerySet[InboundEvent]) -> None:
        again = [event for event in events if replay(event)]
        for event in again:
            self.log_change(request, event, "Handled again by hand.")
        self.message_user(request, f"{len(again)} queued to be handled again.")
