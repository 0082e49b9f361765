from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from avatarsite.admin.base import ModelAdmin, Work
from avatarsite.admin.columns import age, late, overdue
from avatarsite.admin.read_only import ActionsOnly, customer
from avatarsite.mail.models import MailMessage
from avatarsite.mail.sender import send_again


@admin.register(MailMessage)
class MailMessageAdmin(ActionsOnly, ModelAdmin[MailMessage]):
    work = Work.DAILY
    place = 70
    title = "Mails"
    list_display = ("to", "kind", "state", "tries", "last_error", age(), age("sent_at", "sent"))
    list_filter = (overdue(late("next_try_at")), "state", "kind", "created_at")
    search_fields = ("to", "subject", *customer())
    ordering = ("-created_at",)
    # Not the text: what is written to a person is theirs.
    fields = (
        *("to", "kind", "workspace", "subject", "state", "tries", "next_try_at", "give_up_at", "last_error"),
        *("created_at", "sent_at"),
    )
    readonly_fields = fields
    actions = ("again",)

    @admin.action(description="Send again", permissions=["change"])
    def again(self, request: HttpRequest, mails: QuerySet[MailMessage]) -> None:
        sent = [mail for mail in mails if send_again(mail)]
        for mail in sent:
            self.log_change(request, mail, "Sent again by hand.")
        self.message_user(
            request, f"{len(sent)} of {len(mails)} queued. The others wait anyway, or their text is wiped."
        )
