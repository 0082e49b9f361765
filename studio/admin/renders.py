"""Admin pages of renders: everything about one on one page, and the few things that may be done to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from avatarsite.admin.acts import acted_before, one_at_a_time
from avatarsite.admin.base import ModelAdmin, StackedInline, Work
from avatarsite.admin.columns import age, late, one_of, overdue
from avatarsite.admin.read_only import ActionsOnly, Kept, ReadOnly, customer
from avatarsite.admin.reason import ask_reason
from avatarsite.errors import DomainError
from avatarsite.workspaces.models import User
from billing.budgets.notices import note_refusal
from billing.errors import BudgetReached, CannotReverse
from billing.money import usd, usd_at_most
from studio.admin.render_acts import STOPPED, RenderActs
from studio.admin.render_page import page_of
from studio.models import (
    Delivery,
    OfferHealth,
    Project,
    ProviderJob,
    Render,
    StorageUse,
    StoredFile,
    Upload,
)
from studio.pipeline.cancel import give_up, request_cancel
from studio.pipeline.desk import standing
from studio.pipeline.operator import give_back
from studio.pipeline.request.take import retry_render
from studio.storage.ledger import spelt
from studio.storage.local import signed_link

ASKED_AGAIN = "Asked for again: "


def _offers() -> list[str]:
    return list(OfferHealth.objects.order_by("offer").values_list("offer", flat=True))


class DeliveryInline(ReadOnly, StackedInline[Delivery, Render]):
    model = Delivery
    extra = 0
    exclude = ("url",)  # may carry a signature


@admin.register(Render)
class RenderAdmin(RenderActs, ActionsOnly, ModelAdmin[Render]):
    work = Work.DAILY
    place = 20
    list_display = ("title", "workspace", "state", "offer", "held", "charged", "requested_by", age())
    list_filter = (
        overdue(standing.overdue),
        "state",
        ("whole", admin.EmptyFieldListFilter),
        one_of("offer", _offers),
        "created_at",
    )
    search_fields = ("=id", "title", *customer(), "requested_by__email", "jobs__provider_job_id")
    list_select_related = ("workspace", "requested_by")
    ordering = ("-id",)
    inlines = (DeliveryInline,)
    actions = ("retry", "cancel", "fail_and_release", "give_charge_back")
    readonly_fields = ("watch_it",)

    @admin.display(description="maximum charge")
    def held(self, render: Render) -> str:
        return usd_at_most(render.ceiling_micros)

    @admin.display(description="charged")
    def charged(self, render: Render) -> str:
        if render.charge_micros is None:
            return "–"
        return f"{usd(render.charge_micros)}, given back" if render.returned_at else usd(render.charge_micros)

    @admin.display(description="Video")
    def watch_it(self, render: Render) -> str | SafeString:
        if not render.video:
            return "–"
        return format_html('<a href="{}">Watch it</a>', signed_link(render.video.name or ""))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        render = self.get_object(request, object_id)
        more = {**page_of(render), "acts": self.acts_for(request, render)} if render else {}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})

    @admin.action(description="Ask again (a new video with a new hold)", permissions=["change"])
    def retry(self, request: HttpRequest, renders: QuerySet[Render]) -> None:
        self._each(request, renders, "asked for again", lambda render: self._ask_again(request, render))

    def _ask_again(self, request: HttpRequest, render: Render) -> bool:
        try:
            with one_at_a_time(render):
                if acted_before(render, ASKED_AGAIN):
                    raise DomainError("asked_again", "It was asked for again before.", remedy="Ask for that one again.")
                again = retry_render(render, user=_user(request))
                self.log_change(request, render, f"{ASKED_AGAIN}{again.pk}")
        except BudgetReached as refusal:  # noted after the refused transaction, which would undo the note
            note_refusal(render.workspace, refusal)
            raise
        return True

    @admin.action(description="Cancel", permissions=["change"])
    def cancel(self, request: HttpRequest, renders: QuerySet[Render]) -> None:
        def act(render: Render) -> bool:
            won = request_cancel(render, user=_user(request))
            if won:
                self.log_change(request, render, "Cancelled by hand.")
            return won

        self._each(request, renders, "being cancelled", act)

    @admin.action(description="Give up: fail it and release its hold", permissions=["change"])
    def fail_and_release(self, request: HttpRequest, renders: QuerySet[Render]) -> HttpResponse | None:
        rows = list(renders)
        told = [
            "it has ended and stays as it is." if one.ended else f"{usd_at_most(one.ceiling_micros)} is held."
            for one in rows
        ]
        reason = ask_reason(self, request, rows, action="fail_and_release", act="Give up", told=told)
        if isinstance(reason, HttpResponse):
            return reason

        def act(render: Render) -> bool:
            won = not render.ended and give_up(
                render, code="stopped", message=f"{STOPPED} {reason}", reason=f"given up: {reason}"
            )
            if won:
                self.log_change(request, render, f"Gave up: {reason}", why=reason)
            return won

        self._each(request, renders, "failed, their holds released", act)
        return None

    @admin.action(description="Give the charge back", permissions=["give_back"])
    def give_charge_back(self, request: HttpRequest, renders: QuerySet[Render]) -> HttpResponse | None:
        rows, act = list(renders.select_related("hold")), "Give the charge back"
        told = [give_back.terms_of(render) for render in rows]
        reason = ask_reason(self, request, rows, action="give_charge_back", act=act, told=told)
        if isinstance(reason, HttpResponse):
            return reason

        def act_on(render: Render) -> bool:
            won = give_back.give_charge_back(render, reason=reason, actor=_user(request))
            if won:
                self.log_change(request, render, f"Gave {usd(render.returned_micros)} back: {reason}", why=reason)
            return won

        self._each(request, renders, "given back", act_on)
        return None

    def has_give_back_permission(self, request: HttpRequest) -> bool:
        """It moves money, so it needs what granting credit needs."""
        return request.user.has_perm("billing.grant_credit")

    def _each(self, request: HttpRequest, renders: QuerySet[Render], done: str, act: Callable[[Render], bool]) -> None:
        """Do it to each, and say how many it was possible for."""
        count = 0
        # Read once: what is done may take them out of the list's filter.
        rows = list(renders.select_related("hold", "workspace", "project", "portrait", "voice"))
        for render in rows:
            try:
                count += act(render)
            except (DomainError, CannotReverse) as error:
                self.message_user(request, f"{render}: {error}", messages.ERROR)
        level = messages.SUCCESS if count else messages.WARNING
        self.message_user(request, f"{count} of {len(rows)} {done}.", level)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("studio.view_render")


@admin.register(Project)
class ProjectAdmin(Kept, ModelAdmin[Project]):
    work = Work.CUSTOMERS
    place = 80
    list_display = ("name", "workspace", age("archived_at", "archived"), age())
    search_fields = ("=id", "name", *customer())
    list_select_related = ("workspace",)
    readonly_fields = ("workspace", "portrait", "created_at")


@admin.register(Upload)
class UploadAdmin(ReadOnly, ModelAdmin[Upload]):
    work = Work.CUSTOMERS
    place = 90
    list_display = ("name", "kind", "workspace", "size", "created_by", age())
    list_filter = ("kind", "created_at")
    search_fields = ("=id", "name", "=sha256", *customer())
    list_select_related = ("workspace", "created_by")

    @admin.display(description="size or length")
    def size(self, upload: Upload) -> str:
        if upload.duration_ms is not None:
            return f"{upload.duration_ms / 1000:.3f} s"
        return f"{upload.width} × {upload.height}"


@admin.register(ProviderJob)
class ProviderJobAdmin(ReadOnly, ModelAdmin[ProviderJob]):
    work = Work.DAILY
    place = 30
    list_display = (
        "render",
        "attempt",
        "offer",
        "outcome",
        "status",
        "failure_code",
        age("finished_at", "ended"),
        age(),
    )
    list_filter = (*(overdue(late("next_check_at")), one_of("offer", _offers), "outcome", "status", "created_at"),)
    search_fields = (
        "=id",
        "=render__id",
        "=reference",
        "=provider_job_id",
        "failure_code",
        *customer("render__workspace"),
    )
    list_select_related = ("render",)
    ordering = ("-id",)
    show_full_result_count = False


def _user(request: HttpRequest) -> User:
    user: Any = request.user
    assert isinstance(user, User)  # noqa: S101 -- the admin site lets nobody else in
    return user


@admin.register(StorageUse)
class StorageUseAdmin(ModelAdmin[StorageUse]):
    """Where a workspace gets a quota of its own."""

    work = Work.CUSTOMERS
    place = 100
    list_display = ("workspace", "used", "quota_gb", "quota_reason")
    search_fields = customer()
    list_select_related = ("workspace",)
    ordering = ("-bytes",)
    fields = ("workspace", "used", "quota_gb", "quota_reason")
    autocomplete_fields = ("workspace",)

    def get_readonly_fields(self, request: HttpRequest, obj: StorageUse | None = None) -> tuple[str, ...]:
        return ("workspace", "used") if obj else ("used",)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @admin.display(ordering="bytes")
    def used(self, use: StorageUse) -> str:
        return spelt(use.bytes)


@admin.register(StoredFile)
class StoredFileAdmin(ReadOnly, ModelAdmin[StoredFile]):
    work = Work.PLUMBING
    place = 40
    list_display = ("name", "workspace", "kind", "state", "bytes", age())
    list_filter = ("kind", "state")
    search_fields = ("name", *customer())
    list_select_related = ("workspace",)
    ordering = ("-created_at",)
