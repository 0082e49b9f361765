from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path

from avatarsite.admin.acts import row_url
from avatarsite.admin.base import ModelAdmin, Work
from avatarsite.admin.columns import age
from avatarsite.admin.read_only import ActionsOnly
from avatarsite.admin.search import Hit, identified
from avatarsite.alerts import close_by_hand
from avatarsite.models import Alert


@admin.register(Alert)
class AlertAdmin(ActionsOnly, ModelAdmin[Alert]):
    work = Work.DAILY
    place = 10
    list_display = (
        "message",
        "what_happened",
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
    change_form_template = "admin/alert.html"

    def get_urls(self) -> list[URLPattern]:
        close = path("<path:object_id>/close/", self.admin_site.admin_view(self.close_view), name="site_alert_close")
        return [close, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        alert = self.get_object(request, object_id)
        more = {"alert": alert, "about": self._about(request, alert), "may_close": self.has_change_permission(request)}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **(more if alert else {})})

    def _about(self, request: HttpRequest, alert: Alert | None) -> list[Hit]:
        """What the alert names, where this person may see it."""
        words = [alert.key, *(value for value in alert.detail.values() if isinstance(value, str))] if alert else []
        hits = [hit for word in words for hit in identified(self.admin_site, request, word)]
        return list({hit.link: hit for hit in hits}.values())

    def close_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        if not self.has_change_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        alert = self.get_object(request, object_id)
        if alert is None:
            raise Http404
        self._close(request, [alert])
        return HttpResponseRedirect(row_url(alert))

    @admin.display(description="what has happened", ordering="kind")
    def what_happened(self, alert: Alert) -> str:
        return alert.of_kind.title

    @admin.display(description="what to do")
    def what_to_do(self, alert: Alert) -> str:
        return alert.of_kind.what_to_do

    @admin.display(description="how it closes")
    def how_it_closes(self, alert: Alert) -> str:
        return alert.of_kind.how_it_closes

    @admin.action(description="Close", permissions=["change"])
    def close(self, request: HttpRequest, alerts: QuerySet[Alert]) -> None:
        self._close(request, list(alerts))

    def _close(self, request: HttpRequest, alerts: list[Alert]) -> None:
        closed = [alert for alert in alerts if close_by_hand(alert)]
        for alert in closed:
            self.log_change(request, alert, "Closed.")
        level = messages.SUCCESS if closed else messages.WARNING
        self.message_user(request, f"{len(closed)} closed.", level)
