from __future__ import annotations

from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "avatarsite.audit"
    label = "audit"
    verbose_name = "Audit"

    def ready(self) -> None:
        from avatarsite.audit import accounts  # noqa: F401, PLC0415 -- connects the signals of sign-in
