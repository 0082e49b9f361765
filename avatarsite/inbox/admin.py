from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from avatarsite.admin.read_only import ActionsOnly
from avatarsite.inbox.models import Letter
from avatarsite.inbox.receive import replay

SHOWN = 20_000


@admin.register(Letter)
class LetterAdmin(ActionsOnly, admin.ModelAdmin[Letter]):
    list_display = ("source", "event_id", "seal", "received_at", "deliveries", "handled_at", "outcome")
    list_filter = ("source", "seal", "received_at")
    search_fields = ("event_id",)
    ordering = ("-received_at",)
    fields = (
        *("source", "event_id", "seal", "address", "received_at", "deliveries", "tries", "next_try_at", "handled_at"),
        *("outcome", "headers", "query", "text"),
    )
    readonly_fields = fields
    actions = ("handle_again",)

    @admin.display(description="body")
    def text(self, letter: Letter) -> str:
        return bytes(letter.body[:SHOWN]).decode("utf-8", "replace")

    @admin.action(description="Handle again", permissions=["change"])
    def handle_again(self, request: HttpRequest, letters: QuerySet[Letter]) -> None:
        for letter in letters:
            replay(letter)
        self.message_user(request, f"{len(letters)} queued to be handled again.")
