"""The operator's reports: a month in figures, what providers report, the export for the books. Nothing is written."""

from __future__ import annotations

from datetime import UTC, date
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import timezone

from avatarsite.admin.base import Work
from avatarsite.csv_files import csv_response
from billing.admin.base import ReadOnlyAdmin
from billing.ledger.accounts import STRIPE_FEES
from billing.models import Books, Transfer
from billing.prices import cost_drift
from billing.reports import accounting
from billing.reports.accounting import Month
from billing.reports.csv_export import movements_csv


@admin.register(Books)
class BooksAdmin(ReadOnlyAdmin[Books]):
    work = Work.MONEY
    place = 5

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("", view(self.month_view), name="billing_books_changelist"),
            path("drift/", view(self.drift_view), name="billing_books_drift"),
            path("movements.csv", view(self.movements_view), name="billing_books_movements"),
        ]

    def month_view(self, request: HttpRequest) -> HttpResponse:
        month = self._month(request)
        accounts = accounting.trial_balance(month)
        earnings = accounting.earnings(month)
        fees = sum(each.debits_micros - each.credits_micros for each in accounts if each.code == STRIPE_FEES)
        context = {
            "earnings": earnings,
            "fees_micros": fees,
            "left_micros": earnings.total.margin_micros - fees,
            "liabilities": accounting.liabilities(),
            "accounts": accounts,
            "sum_micros": sum(account.closing_micros for account in accounts),
            "debits_micros": sum(account.debits_micros for account in accounts),
            "credits_micros": sum(account.credits_micros for account in accounts),
        }
        return self._page(request, "month", month, f"Books of {month.first:%B %Y}", context)

    def drift_view(self, request: HttpRequest) -> HttpResponse:
        month = self._month(request)
        context = {
            "offers": cost_drift.offer_drifts(month.begins, month.ends),
            "jobs": cost_drift.worst_jobs(month.begins, month.ends),
            "most": cost_drift.MAX_JOBS,
            "threshold": cost_drift.threshold(),
        }
        return self._page(request, "drift", month, f"Reported cost in {month.first:%B %Y}", context)

    def movements_view(self, request: HttpRequest) -> StreamingHttpResponse:
        month = self._month(request)
        return csv_response(f"ledger-{month}.csv", movements_csv(month))

    def _month(self, request: HttpRequest) -> Month:
        """The month that is asked for, or this one. What is no month is said, on top of this one."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        this = Month.of(timezone.now().astimezone(UTC))
        asked = request.GET.get("month", "")
        try:
            return Month.named(asked) if asked else this
        except ValueError as error:
            self.message_user(request, f"The month {error}", messages.WARNING)
            return this

    def _page(self, request: HttpRequest, name: str, month: Month, title: str, context: dict[str, Any]) -> HttpResponse:
        common = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "at": name,
            "month": month,
            "months": _months(month),
        }
        return render(request, f"admin/billing/books/{name}.html", common | context)


def _months(chosen: Month) -> list[Month]:
    """What there is to choose from: from the ledger's first month to this one, the newest first."""
    oldest = Transfer.objects.order_by("created_at", "pk").values_list("created_at", flat=True).first()
    this = Month.of(timezone.now().astimezone(UTC))
    first: date = Month.of(oldest.astimezone(UTC)).first if oldest else this.first
    found = []
    each = this
    while each.first >= first:
        found.append(each)
        each = each.before
    return found if chosen in found else [chosen, *found]
