from __future__ import annotations

from django.apps import AppConfig


class LegalConfig(AppConfig):
    name = "avatarsite.legal"
    label = "legal"
    verbose_name = "Legal"

    def ready(self) -> None:
        from avatarsite.legal import acceptance  # noqa: F401, PLC0415 -- connects the signal of sign-up
