"""What staff do about a person's account: send a link for a new password. Only superusers set one themselves."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path

from avatarsite.admin.act_forms import InternalReasonForm
from avatarsite.admin.acts import acted_before, form_page, log_once, row_url
from avatarsite.workspaces.forms import ResetPasswordForm
from avatarsite.workspaces.models import User

if TYPE_CHECKING:
    from django.contrib.auth.admin import UserAdmin

    from avatarsite.audit.staff import Audited

    Page = UserAdmin[User]
else:
    Page = object

ACT = "Send a link for a new password"
TOLD = "{} gets a mail with a link by which they set a new password. Theirs works until then; nobody here sees either."


class PersonActs(Page):
    """Whoever could set a customer's password could sign in as that customer, and no audit entry would say so."""

    change_form_template = "admin/person.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.reset_view)
        return [path("<path:object_id>/reset/", view, name="workspaces_user_reset"), *super().get_urls()]

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """The password stands there with a button that leads to setting it."""
        if obj is None or request.user.is_superuser:
            return super().get_fieldsets(request, obj)
        return [
            (title, {**part, "fields": [name for name in part["fields"] if name != "password"]})
            for title, part in super().get_fieldsets(request, obj)
        ]

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002 -- Django's
        if not request.user.is_superuser:
            raise PermissionDenied
        return super().user_change_password(request, id, form_url)

    def reset_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        person = self.get_object(request, object_id)
        if person is None:
            raise Http404
        if not self.has_change_permission(request, person):
            raise PermissionDenied
        form = InternalReasonForm(request.POST or None, initial={"token": uuid.uuid4()})
        if form.is_valid():
            self._send(request, person, form.cleaned_data)
            return HttpResponseRedirect(row_url(person))
        sentences = [TOLD.format(person.email)]
        return form_page(self, request, form, title=f"{ACT}: {person}", sentences=sentences, act=ACT, row=person)

    def _send(self, request: HttpRequest, person: User, facts: dict[str, Any]) -> None:
        token, mail = str(facts["token"]), ResetPasswordForm({"email": person.email})
        if acted_before(person, token):
            self.message_user(request, "This form was sent before; it has acted once.", messages.WARNING)
        elif mail.is_valid():
            mail.save(request)
            log_once(
                cast("Audited", self),
                request,
                person,
                f"Sent a link for a new password: {facts['reason']}",
                token,
                why=facts["reason"],
            )
            self.message_user(request, f"The link is on its way to {person.email}.", messages.SUCCESS)
        else:
            self.message_user(request, " ".join(map(str, mail.errors["email"])), messages.ERROR)
