"""Reports of misuse on the desk: what waits, what it is about, and a page for each lever that says what it does."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse

from avatarsite.admin.act_forms import ActForm, InternalReasonForm, ToldReasonForm
from avatarsite.admin.acts import acted_before, form_page, row_url
from avatarsite.admin.base import ModelAdmin, Work
from avatarsite.admin.columns import age, overdue
from avatarsite.admin.read_only import ReadOnly, customer
from avatarsite.workspaces.models import User
from studio.misuse import reports
from studio.misuse.models import OPEN, MisuseReport, ReportState
from studio.models.renders import WithheldFor
from studio.pipeline.content.withhold import give_back_out
from studio.sharing.links import live_links
from studio.storage.local import signed_link

HANDLE, VIDEO, SUSPEND = "misuse.change_misusereport", "studio.change_render", "workspaces.suspend_workspace"
NO_VIDEO = "Its link leads to no video that is there."
SUPERSEDED = "It is decided."
WITHHOLDING = (
    "Nobody is given it from now on: no share, no page, no API, its owner neither, who reads why. The file stays, and "
    "links to the file itself that were handed out before work for up to six hours."
)
Report = MisuseReport


@dataclass(frozen=True, slots=True)
class Act:
    """``why_not`` says why it can't be done now, ``terms`` what it would do; ``do`` says what it did, or ""."""

    name: str
    label: str
    permission: str
    form: type[ActForm]
    why_not: Callable[[Report], str]
    terms: Callable[[Report], str]
    do: Callable[[Report, str, User], str]


def _take_down(report: Report, why: str, staff: User) -> str:
    count = reports.take_links_down(report, why=why, staff=staff)
    return f"{count} share link{'' if count == 1 else 's'} taken down" if count else ""


def _withhold(report: Report, why: str, staff: User) -> str:
    return "The video is withheld" if reports.withhold_video(report, why=why, staff=staff) else ""


def _give_out(report: Report, why: str, _staff: User) -> str:
    return "The video is given out again" if report.render and give_back_out(report.render, why=why) else ""


def _decide(state: ReportState) -> Callable[[Report, str, User], str]:
    return lambda report, why, staff: state.label if reports.decide(report, state, outcome=why, staff=staff) else ""


def _is_withheld(report: Report) -> bool:
    return report.render is not None and report.render.withheld_for == WithheldFor.OPERATOR


def _why_not_withhold(report: Report) -> str:
    if report.render is None or not report.render.video:
        return NO_VIDEO
    return "It is withheld." if _is_withheld(report) else ""


def _links(report: Report) -> int:
    return live_links(report.render).count() if report.render else 0


ACTS = (
    Act(
        "seen",
        "Take it in hand",
        HANDLE,
        ActForm,
        lambda report: "" if report.state == ReportState.NEW else "Somebody has it in hand.",
        lambda _: "It is marked as looked at, so that nobody else begins with it.",
        lambda report, _why, staff: "Looked at" if reports.look_at(report, staff=staff) else "",
    ),
    Act(
        "links",
        "Take its links down",
        HANDLE,
        InternalReasonForm,
        lambda report: "" if _links(report) else "No share link of it works.",
        lambda report: f"Its {_links(report)} share links lead nowhere from now on. Its owner may make new ones.",
        _take_down,
    ),
    Act(
        "withhold",
        "Withhold the video",
        VIDEO,
        ToldReasonForm,
        _why_not_withhold,
        lambda _: WITHHOLDING,
        _withhold,
    ),
    Act(
        "give_out",
        "Give the video out again",
        VIDEO,
        InternalReasonForm,
        lambda report: "" if _is_withheld(report) else "It is not withheld by you.",
        lambda _: "Its owner has it again, and share links that were not taken down work again.",
        _give_out,
    ),
    Act(
        "acted",
        "Close it as acted upon",
        HANDLE,
        InternalReasonForm,
        lambda report: "" if report.is_open else SUPERSEDED,
        lambda report: f"It is done.{' Its reporter gets a mail that it was acted upon.' if report.email else ''}",
        _decide(ReportState.ACTED),
    ),
    Act(
        "dismiss",
        "Dismiss it",
        HANDLE,
        InternalReasonForm,
        lambda report: "" if report.is_open else SUPERSEDED,
        lambda report: f"Nothing is done.{' Its reporter gets a mail that says so.' if report.email else ''}",
        _decide(ReportState.DISMISSED),
    ),
)


@admin.register(MisuseReport)
class MisuseReportAdmin(ReadOnly, ModelAdmin[MisuseReport]):
    work = Work.DAILY
    place = 15
    title = "Reports of misuse"
    list_display = ("complaint", "state", "workspace", "render", "email", age(), age("decided_at", "decided"))
    list_filter = (overdue(lambda: Q(state__in=OPEN), "Open"), "state", "complaint", "created_at")
    list_select_related = ("workspace", "render")
    search_fields = ("=id", "address", "email", "=render__id", *customer())
    ordering = ("-id",)
    change_form_template = "admin/misuse/report.html"

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("misuse.view_misusereport")

    def get_urls(self) -> list[URLPattern]:
        return [*(self._url_of(act) for act in ACTS), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        report = self.get_object(request, object_id)
        more = self._shown(request, report) if report else {}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})

    def _shown(self, request: HttpRequest, report: MisuseReport) -> dict[str, Any]:
        acts = [
            {"label": act.label, "url": self._address(act, report), "why_not": act.why_not(report)}
            for act in ACTS
            if request.user.has_perm(act.permission)
        ]
        if report.workspace and not report.workspace.suspended_at and request.user.has_perm(SUSPEND):
            suspend = reverse("admin:workspaces_workspace_suspend", args=[report.workspace_id])
            acts.append({"label": "Suspend the workspace", "url": f"{suspend}?back={row_url(report)}", "why_not": ""})
        render = report.render
        return {
            "report": report,
            "acts": acts,
            "links": _links(report),
            "video_url": signed_link(render.video.name) if render and render.video and render.video.name else "",
            "others": MisuseReport.objects.filter(render=render).exclude(pk=report.pk)[:20] if render else [],
        }

    def _address(self, act: Act, report: MisuseReport) -> str:
        return reverse(f"admin:misuse_misusereport_{act.name}", args=[report.pk])

    def _url_of(self, act: Act) -> URLPattern:
        def view(request: HttpRequest, object_id: str) -> HttpResponse:
            return self._act_view(request, object_id, act)

        route = f"<path:object_id>/{act.name.replace('_', '-')}/"
        return path(route, self.admin_site.admin_view(view), name=f"misuse_misusereport_{act.name}")

    def _act_view(self, request: HttpRequest, object_id: str, act: Act) -> HttpResponse:
        if not request.user.has_perm(act.permission):
            raise PermissionDenied
        report = self.get_object(request, object_id)
        if report is None:
            raise Http404
        form = act.form(request.POST or None, initial={"token": uuid.uuid4()})
        if (token := form.data.get("token", "")) and acted_before(report, token):
            self.message_user(request, "This form was sent before; it has acted once.", messages.WARNING)
            return HttpResponseRedirect(row_url(report))
        why_not = act.why_not(report)
        if request.method == "POST" and why_not:
            self.message_user(request, why_not, messages.WARNING)
            return HttpResponseRedirect(row_url(report))
        if form.is_valid():
            return self._do(request, act, report, form.cleaned_data)
        return form_page(
            self,
            request,
            form,
            title=f"{act.label}: {report}",
            sentences=[why_not or act.terms(report)],
            act=act.label,
            row=report,
            template="admin/studio/render/act.html",
            possible=not why_not,
        )

    def _do(self, request: HttpRequest, act: Act, report: MisuseReport, facts: dict[str, Any]) -> HttpResponse:
        why = facts.get("reason", "")
        if done := act.do(report, why, cast("User", request.user)):
            self.log_change(request, report, f"{done}{f': {why}' if why else ''} ({facts['token']})", why=why)
            self.message_user(request, f"{done}.", messages.SUCCESS)
        else:
            self.message_user(request, "Somebody was first; nothing was done.", messages.WARNING)
        return HttpResponseRedirect(row_url(report))
