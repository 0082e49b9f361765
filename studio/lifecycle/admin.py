"""Closings, departures, exports and retention on the desk: what goes, and what staff do about a closing."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse

from avatarsite.admin.act_forms import ToldReasonForm
from avatarsite.admin.acts import acted_before, form_page, row_url
from avatarsite.admin.base import ModelAdmin, Work
from avatarsite.admin.columns import age, overdue
from avatarsite.admin.read_only import ReadOnly, customer
from avatarsite.staff.customer import CustomerAct, add_act
from avatarsite.workspaces.models import User, Workspace
from studio.lifecycle.closing import end_grace, have_back, open_closing
from studio.lifecycle.models import CLOSING, Closing, ClosingState, Departure, Export
from studio.models import Retention

MAY = "workspaces.suspend_workspace"
STOPPED = (
    "It is open again, with its people and all that is in it. Tokens, links and webhooks that have ended stay so. Its "
    "owners read the reason."
)
ENDED = (
    "No owner can have it back any more. Its videos, uploads and rows are deleted within minutes; bought credit "
    "that is left goes back to the card."
)


@admin.register(Closing)
class ClosingAdmin(ReadOnly, ModelAdmin[Closing]):
    work = Work.CUSTOMERS
    place = 15
    title = "Closings"
    list_display = ("workspace", "state", "asked_by", age("asked_at", "asked"), "ends_at", "why")
    list_filter = (overdue(lambda: Q(state__in=CLOSING), "Open"), "state")
    list_select_related = ("workspace", "asked_by")
    search_fields = ("id", *customer())
    ordering = ("-id",)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<path:object_id>/stop/", view(self.stop_view), name="lifecycle_closing_stop"),
            path("<path:object_id>/end/", view(self.end_view), name="lifecycle_closing_end"),
            *super().get_urls(),
        ]

    def stop_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def stop(closing: Closing, reason: str) -> bool:
            by = cast("User", request.user)
            return have_back(closing, by=by, state=ClosingState.STOPPED, reason=reason)

        return self._act(request, object_id, "Stop the closing", STOPPED, stop)

    def end_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def end(closing: Closing, reason: str) -> bool:
            return end_grace(closing, reason=reason)

        return self._act(request, object_id, "Close now", ENDED, end)

    def _act(
        self, request: HttpRequest, object_id: str, act: str, told: str, do: Callable[[Closing, str], bool]
    ) -> HttpResponse:
        if not request.user.has_perm(MAY):
            raise PermissionDenied
        closing = self.get_object(request, object_id)
        if closing is None:
            raise Http404
        form = ToldReasonForm(request.POST or None, initial={"token": uuid.uuid4()})
        if not form.is_valid():
            return form_page(self, request, form, title=f"{act}: {closing}", sentences=[told], act=act, row=closing)
        reason, token = form.cleaned_data["reason"], form.cleaned_data["token"]
        if acted_before(closing, str(token)):
            self.message_user(request, "This form was sent before; it has acted once.", messages.WARNING)
        elif do(closing, reason):
            self.log_change(request, closing, f"{act}: {reason} ({token})", why=reason)
            self.message_user(request, f"{closing}: done.", messages.SUCCESS)
        else:
            self.message_user(request, "It is too late for that; nothing was done.", messages.WARNING)
        return HttpResponseRedirect(row_url(closing))


@admin.register(Departure)
class DepartureAdmin(ReadOnly, ModelAdmin[Departure]):
    work = Work.CUSTOMERS
    place = 16
    title = "Accounts being closed"
    list_display = ("user", "state", age("asked_at", "asked"), "ends_at", "why")
    list_filter = ("state",)
    list_select_related = ("user",)
    search_fields = ("user__email",)
    ordering = ("-id",)


@admin.register(Export)
class ExportAdmin(ReadOnly, ModelAdmin[Export]):
    work = Work.CUSTOMERS
    place = 17
    list_display = ("id", "workspace", "state", "asked_by", age(), "bytes", "tries", "expires_at")
    list_filter = ("state",)
    list_select_related = ("workspace", "asked_by")
    search_fields = ("id", *customer())
    ordering = ("-id",)


@admin.register(Retention)
class RetentionAdmin(ReadOnly, ModelAdmin[Retention]):
    work = Work.CUSTOMERS
    place = 18
    list_display = ("workspace", "days", "since", "set_by", "told_at", "next_try_at")
    list_select_related = ("workspace", "set_by")
    search_fields = customer()
    ordering = ("-since",)


def _to(name: str) -> Callable[[Workspace], str]:
    def url(workspace: Workspace) -> str:
        closing = open_closing(workspace)
        possible = closing is not None and closing.state == ClosingState.GRACE
        return reverse(f"admin:lifecycle_closing_{name}", args=[closing.pk]) if closing and possible else ""

    return url


add_act(CustomerAct(65, "Stop the closing", MAY, _to("stop")))
add_act(CustomerAct(66, "Close now", MAY, _to("end")))
