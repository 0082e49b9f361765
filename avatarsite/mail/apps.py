from __future__ import annotations

from django.apps import AppConfig


class MailConfig(AppConfig):
    name = "avatarsite.mail"
    label = "mail"
    verbose_name = "Mail"

    def ready(self) -> None:
        from avatarsite.mail.models import MailMessage  # noqa: PLC0415 -- models need the app registry
        from avatarsite.queue import due_rows  # noqa: PLC0415

        due_rows.register(due_rows.Kind("mail", MailMessage.objects.all, task="avatarsite.send_mail"))
