"""What staff do about a customer: suspend, resume, close, note, and look at the dashboard as one of its people."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import URLPattern, path, reverse

from avatarsite.admin.act_forms import ActForm, InternalReasonForm, ToldReasonForm
from avatarsite.admin.acts import acted_before, form_page, row_url
from avatarsite.staff import view_as
from avatarsite.staff.customer import CustomerAct, add_act
from avatarsite.staff.models import TEXT_LENGTH
from avatarsite.staff.notes import add_note
from avatarsite.workspaces import suspension
from avatarsite.workspaces.errors import CannotClose
from avatarsite.workspaces.models import Member, Role, User, Workspace

if TYPE_CHECKING:
    from avatarsite.admin.base import ModelAdmin

    Page = ModelAdmin[Workspace]
else:
    Page = object

SUSPEND, NOTE = "workspaces.suspend_workspace", "staff.add_staffnote"
SUSPENDED = (
    "whoever belongs to no other can't sign in. Its tokens are refused at every door, nothing new is made, and no card "
    "is charged."
)
CLOSED = (
    "For good: nobody gets in any more. Its tokens are revoked, its invitations withdrawn, its webhook endpoints "
    "disabled, automatic top-up is off, and bonus credit lapses. Its statements and its files stay."
)
VIEWED = (
    "You see the dashboard as they do, for an hour at most, and may change nothing. A banner says so on every page and "
    "ends it. It is in the audit log."
)


class NoteForm(ActForm):
    text = forms.CharField(
        label="Note", max_length=TEXT_LENGTH, widget=forms.Textarea(attrs={"rows": 3}), help_text="No customer sees it."
    )


class CloseForm(ToldReasonForm):
    forfeit = forms.BooleanField(
        label="Paid credit that is left lapses", required=False, help_text="Without it, refund that credit first."
    )
    field_order = ("forfeit", "reason")


class ViewAsForm(InternalReasonForm):
    """``user_pk`` is what django-hijack calls it."""

    user_pk = forms.ModelChoiceField(queryset=User.objects.none(), label="As", empty_label=None)
    field_order = ("user_pk", "reason")

    def __init__(self, *args: Any, workspace: Workspace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast("forms.ModelChoiceField[User]", self.fields["user_pk"]).queryset = viewable(workspace)


def viewable(workspace: Workspace) -> QuerySet[User]:
    """The people as whom staff may look, owners first: nobody who is staff or switched off."""
    members = Member.objects.filter(workspace=workspace)
    people = User.objects.filter(pk__in=members.values("user"), is_active=True, is_staff=False, is_superuser=False)
    owns = Exists(members.filter(user=OuterRef("pk"), role=Role.OWNER))
    return people.order_by(owns.desc(), "pk")


class CustomerActs(Page):
    """The pages of the acts. Each needs its permission, acts once, and is logged once."""

    def get_urls(self) -> list[URLPattern]:
        views = {
            "suspend": self.suspend_view,
            "resume": self.resume_view,
            "close": self.close_view,
            "note": self.note_view,
            "view_as": self.view_as_view,
        }
        view = self.admin_site.admin_view
        return [
            *(
                path(f"<path:object_id>/{name.replace('_', '-')}/", view(one), name=f"workspaces_workspace_{name}")
                for name, one in views.items()
            ),
            *super().get_urls(),
        ]

    def suspend_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        workspace = self._row(request, object_id, SUSPEND)
        form = ToldReasonForm(request.POST or None, initial={"token": uuid.uuid4()})
        if not self._may_go_on(request, form, workspace):
            return HttpResponseRedirect(row_url(workspace))
        if form.is_valid():
            won = suspension.suspend(workspace, reason=form.cleaned_data["reason"])
            return self._done(request, form, workspace, won, f"{workspace} is suspended", "Suspended")
        people = workspace.memberships.count()
        told = [
            f"Its {people} {'person' if people == 1 else 'people'} can't open it any more; {SUSPENDED}",
            "What is being made is finished and charged. Credit, files and settings stay. It ends with Resume.",
        ]
        return self._page(request, form, workspace, "Suspend", told)

    def resume_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        workspace = self._row(request, object_id, SUSPEND)
        form = InternalReasonForm(request.POST or None, initial={"token": uuid.uuid4()})
        if not self._may_go_on(request, form, workspace):
            return HttpResponseRedirect(row_url(workspace))
        if form.is_valid():
            won = suspension.resume(workspace)
            return self._done(request, form, workspace, won, f"{workspace} goes on", "Resumed")
        told = [f"It is suspended: {workspace.suspended_reason} Its people and its tokens are let in again."]
        return self._page(request, form, workspace, "Resume", told)

    def close_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        workspace = self._row(request, object_id, SUSPEND)
        form = CloseForm(request.POST or None, initial={"token": uuid.uuid4()})
        if not self._may_go_on(request, form, workspace):
            return HttpResponseRedirect(row_url(workspace))
        if form.is_valid():
            facts = form.cleaned_data
            try:
                won = suspension.close(workspace, reason=facts["reason"], forfeit=facts["forfeit"])
            except CannotClose as error:
                form.add_error(None, error.sentence)
            else:
                return self._done(request, form, workspace, won, f"{workspace} is closed", "Closed")
        told = [CLOSED, *suspension.why_not_close(workspace)]
        return self._page(request, form, workspace, "Close", told)

    def note_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        workspace = self._row(request, object_id, NOTE)
        form = NoteForm(request.POST or None, initial={"token": uuid.uuid4()})
        if form.is_valid():
            facts, author = form.cleaned_data, cast("User", request.user)
            if add_note(workspace, facts["text"], author=author, token=facts["token"]):
                self.log_change(request, workspace, f"Wrote a note ({facts['token']})")
            return HttpResponseRedirect(f"{row_url(workspace)}#notes")
        return self._page(request, form, workspace, "Write a note", [])

    def view_as_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        workspace = self._row(request, object_id, view_as.PERMISSION)
        form = ViewAsForm(request.POST or None, initial={"token": uuid.uuid4()}, workspace=workspace)
        if form.is_valid():
            return view_as.begin(request, workspace, reason=form.cleaned_data["reason"])
        return self._page(request, form, workspace, "View as this customer", [VIEWED])

    def _row(self, request: HttpRequest, object_id: str, permission: str) -> Workspace:
        if not request.user.has_perm(permission):
            raise PermissionDenied
        workspace = self.get_object(request, object_id)
        if workspace is None:
            raise Http404
        return workspace

    def _may_go_on(self, request: HttpRequest, form: forms.Form, workspace: Workspace) -> bool:
        """False when this very form has acted."""
        token = form.data.get("token", "")
        if token and acted_before(workspace, token):
            self.message_user(request, "This form was sent before; it has acted once.", messages.WARNING)
            return False
        return True

    def _done(  # noqa: PLR0913, PLR0917 -- what is said, and what is logged
        self, request: HttpRequest, form: forms.Form, workspace: Workspace, won: bool, sentence: str, log: str
    ) -> HttpResponse:
        if won:
            reason, token = form.cleaned_data["reason"], form.cleaned_data["token"]
            self.log_change(request, workspace, f"{log}: {reason} ({token})", why=reason)
            self.message_user(request, f"{sentence}.", messages.SUCCESS)
        else:
            self.message_user(request, "Somebody was first; nothing was done.", messages.WARNING)
        return HttpResponseRedirect(row_url(workspace))

    def _page(
        self, request: HttpRequest, form: forms.Form, workspace: Workspace, act: str, told: list[str]
    ) -> HttpResponse:
        title = f"{act}: {workspace}"
        return form_page(self, request, form, title=title, sentences=told, act=act, row=workspace)


def _to(name: str) -> Any:
    return lambda workspace: reverse(f"admin:workspaces_workspace_{name}", args=[workspace.pk])


def _only(possible: bool, name: str, workspace: Workspace) -> str:
    return str(_to(name)(workspace)) if possible else ""


add_act(CustomerAct(10, "View as this customer", view_as.PERMISSION, _to("view_as")))
add_act(CustomerAct(20, "Write a note", NOTE, _to("note")))
add_act(CustomerAct(60, "Suspend", SUSPEND, lambda row: _only(row.suspended_at is None, "suspend", row)))
add_act(
    CustomerAct(
        60,
        "Resume",
        SUSPEND,
        lambda row: _only(bool(row.suspended_at and not row.closes_at and not row.closed_at), "resume", row),
    )
)
add_act(CustomerAct(70, "Close", SUSPEND, lambda row: _only(row.closed_at is None, "close", row)))
