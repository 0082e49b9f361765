"""Offers on the desk: how each does, what it costs, and whether it is sold."""

from __future__ import annotations

from collections.abc import Callable, Sized
from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html

from avatarsite.admin.base import ModelAdmin, Work
from avatarsite.admin.columns import overdue
from avatarsite.admin.read_only import ActionsOnly
from avatarsite.admin.reason import ask_reason
from billing.money import usd_a_second
from billing.prices import price_book
from studio.models import OfferHealth
from studio.pipeline import health
from studio.pipeline.desk import sale, standing


@admin.register(OfferHealth)
class OfferHealthAdmin(ActionsOnly, ModelAdmin[OfferHealth]):
    work = Work.DAILY
    place = 40
    title = "Offers"
    change_form_template = "admin/studio/offerhealth/change_form.html"
    list_display = ("offer", "circuit", "why", "price", "median", "p90", "success")
    list_filter = (overdue(standing.paused, "Paused"), ("off_sale_at", admin.EmptyFieldListFilter))
    search_fields = ("offer", "reason")
    ordering = ("offer",)
    actions = ("take_off_sale", "put_on_sale", "close_now")
    readonly_fields = ("circuit", "price", "median", "p90", "success")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        more = (
            {"acts": self._acts(request, row), "circuit": self.circuit(row), "why": row.off_sale_reason or row.reason}
            if row
            else {}
        )
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})

    def _acts(self, request: HttpRequest, row: OfferHealth) -> list[tuple[str, str]]:
        """The actions of the list that do something to this one, for those who may."""
        fitting = {
            "close_now": row.open_until is not None,
            "take_off_sale": row.off_sale_at is None,
            "put_on_sale": row.off_sale_at is not None,
        }
        offered = {action[1]: action[2] for action in self.get_actions(request).values() if action}
        return [(name, str(offered[name])) for name, fits in fitting.items() if fits and name in offered]

    @admin.display(description="why")
    def why(self, row: OfferHealth) -> str:
        return row.off_sale_reason or row.reason or "–"

    @admin.display(description="price")
    def price(self, row: OfferHealth) -> str:
        """What a second costs now, as a link to all its prices, where a new one is set."""
        now = price_book.current_price(row.offer)
        text = f"{usd_a_second(now.price_micros_per_second)}/s" if now else "none"
        prices = reverse("admin:billing_price_changelist")
        return format_html('<a href="{}?offer={}">{}</a>', prices, row.offer, text)

    @admin.display(description="state")
    def circuit(self, row: OfferHealth) -> str:
        word = health.state_word(row)
        return f"Paused until {row.open_until:%H:%M} UTC" if word == "open" else word.capitalize()

    @admin.display(description="median s/s")
    def median(self, row: OfferHealth) -> str:
        return _pace(health.record_of(row.offer).p50)

    @admin.display(description="p90 s/s")
    def p90(self, row: OfferHealth) -> str:
        return _pace(health.record_of(row.offer).p90)

    @admin.display(description="success, 7 days")
    def success(self, row: OfferHealth) -> str:
        record = health.record_of(row.offer)
        return f"{record.done} of {record.ended} ({record.done / record.ended:.0%})" if record.ended else "–"

    @admin.action(description="Take off sale", permissions=["change"])
    def take_off_sale(self, request: HttpRequest, rows: QuerySet[OfferHealth]) -> HttpResponse | None:
        told = [sale.what_waits(row.offer) for row in rows]
        reason = ask_reason(self, request, list(rows), action="take_off_sale", act="Take off sale", told=told)
        if isinstance(reason, HttpResponse):
            return reason
        self._say(request, rows, lambda offer: sale.take_off(offer, reason=reason), "Taken off sale", reason)
        return None

    @admin.action(description="Put on sale again", permissions=["change"])
    def put_on_sale(self, request: HttpRequest, rows: QuerySet[OfferHealth]) -> HttpResponse | None:
        told = ["What waits for it is sent at once." for _ in rows]
        reason = ask_reason(self, request, list(rows), action="put_on_sale", act="Put on sale again", told=told)
        if isinstance(reason, HttpResponse):
            return reason
        self._say(request, rows, sale.put_on, "Put on sale again", reason)
        return None

    def _say(
        self, request: HttpRequest, rows: QuerySet[OfferHealth], act: Callable[[str], bool], done: str, reason: str
    ) -> None:
        changed = [row for row in rows if act(row.offer)]
        for row in changed:
            self.log_change(request, row, f"{done}: {reason}", why=reason)
        level = messages.SUCCESS if changed else messages.WARNING
        self.message_user(request, _of_all(changed, rows, "changed", "were so already"), level)

    @admin.action(description="Close the circuit now", permissions=["change"])
    def close_now(self, request: HttpRequest, rows: QuerySet[OfferHealth]) -> None:
        closed = [row for row in rows if health.close_circuit(row.offer)]
        for row in closed:
            self.log_change(request, row, "Closed the circuit by hand")
        level = messages.SUCCESS if closed else messages.WARNING
        self.message_user(request, _of_all(closed, rows, "closed", "were not open"), level)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("studio.view_offerhealth")


def _of_all(done: Sized, rows: Sized, word: str, others: str) -> str:
    left = f"; the others {others}" if len(done) < len(rows) else ""
    return f"{len(done)} of {len(rows)} {word}{left}."


def _pace(seconds: float | None) -> str:
    return "no record yet" if seconds is None else f"{seconds:.1f} s"
