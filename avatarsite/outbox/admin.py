"""Endpoints, deliveries and events as they are: to be looked at, and sent again. Customers change their own."""

from __future__ import annotations

from collections import Counter

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from avatarsite.admin.base import ModelAdmin, TabularInline, Work
from avatarsite.admin.columns import age, late, one_of, overdue
from avatarsite.admin.read_only import ActionsOnly, Kept, customer
from avatarsite.desk import age_of
from avatarsite.outbox.endpoints import EndpointRefused, failing, lift_pause, resend
from avatarsite.outbox.event_types import EVERY, KINDS, TEST
from avatarsite.outbox.models import Attempt, Delivery, DeliveryState, Endpoint, Event

AT_ONCE = 500
ANSWER = 300


@admin.register(Endpoint)
class EndpointAdmin(ActionsOnly, ModelAdmin[Endpoint]):
    work = Work.CUSTOMERS
    place = 70
    title = "Webhook endpoints"
    list_display = ("url", "workspace", "state", "failures", age("dark_since", "fails for"), "last_sequence", age())
    list_filter = (overdue(failing, "Failing"), "state")
    list_select_related = ("workspace",)
    search_fields = ("id", "url", *customer())
    readonly_fields = ("wants", "last_answer", "missed")
    exclude = ("secret", "old_secret", "kinds")

    @admin.display(description="kinds of events")
    def wants(self, endpoint: Endpoint) -> str:
        return "All, future ones too" if EVERY in endpoint.kinds else ", ".join(endpoint.kinds)

    @admin.display(description="its last answer")
    def last_answer(self, endpoint: Endpoint) -> str:
        attempt = Attempt.objects.filter(delivery__endpoint=endpoint).order_by("-at").first()
        if attempt is None:
            return "–"
        return f"{attempt.code or 'No answer'}, {age_of(attempt.at)} ago. {attempt.answer[:ANSWER]}".strip()

    @admin.display(description="not delivered")
    def missed(self, endpoint: Endpoint) -> SafeString:
        """As a link to its deliveries, where they are sent again."""
        count = Delivery.objects.filter(endpoint=endpoint).exclude(state=DeliveryState.DELIVERED).count()
        states = ",".join(state for state in DeliveryState if state != DeliveryState.DELIVERED)
        link = f"{reverse('admin:outbox_delivery_changelist')}?endpoint={endpoint.pk}&state__in={states}"
        return format_html('<a href="{}">{}</a>', link, f"{count} of its deliveries")


class Attempts(Kept, TabularInline[Attempt, Delivery]):
    model = Attempt
    readonly_fields = ("at", "code", "took_ms", "answer")


@admin.register(Delivery)
class DeliveryAdmin(ActionsOnly, ModelAdmin[Delivery]):
    work = Work.DAILY
    place = 50
    title = "Webhook deliveries"
    list_display = ("id", "endpoint", "event", "state", "tries", "answer_code", age())
    list_filter = (overdue(late("next_try_at")), "state")
    list_select_related = ("endpoint", "event")
    search_fields = ("id", "endpoint__id", "event__id", *customer("endpoint__workspace"))
    inlines = (Attempts,)
    actions = ("send_again",)
    show_full_result_count = False

    @admin.action(description="Send again", permissions=["change"])
    def send_again(self, request: HttpRequest, deliveries: QuerySet[Delivery]) -> None:
        """Who sends again by hand says that the endpoint is well, so its pause ends, but for one that people made."""
        asked = deliveries.count()
        chosen = list(deliveries.order_by("endpoint", "sequence")[:AT_ONCE])
        done, refused = 0, Counter[str]()
        for delivery in chosen:
            try:
                again = resend(delivery)
            except EndpointRefused as refusal:
                refused[str(refusal)] += 1
                continue
            if again:
                self.log_change(request, delivery, "Sent again by hand.")
                done += 1
        lifted = sum(lift_pause(endpoint) for endpoint in sorted({each.endpoint_id for each in chosen}))
        due = len(chosen) - done - refused.total()
        told = [
            (done, f"{done} on their way once more."),
            (lifted, f"The pause of {lifted} endpoint{'s' * (lifted > 1)} has ended."),
            (due, f"{due} were about to be sent anyway."),
            *((count, f"{count} were not sent: {why}") for why, count in refused.items()),
            (asked - len(chosen), f"{asked - len(chosen):,} more were not: choose them again, {AT_ONCE} at once."),
        ]
        if not asked:
            told = [(1, "They were delivered meanwhile; nothing was left to send.")]
        level = messages.WARNING if refused or asked > len(chosen) else messages.SUCCESS
        self.message_user(request, " ".join(sentence for count, sentence in told if count), level)


@admin.register(Event)
class EventAdmin(ActionsOnly, ModelAdmin[Event]):
    work = Work.PLUMBING
    place = 30
    title = "Events for webhooks"
    list_display = ("id", "workspace", "number", "kind", "subject", age())
    list_filter = (one_of("kind", lambda: (*KINDS, TEST)),)
    list_select_related = ("workspace",)
    search_fields = ("id", "subject", *customer())
    show_full_result_count = False
