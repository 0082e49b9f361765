from __future__ import annotations

from django.apps import AppConfig


class SiteConfig(AppConfig):
    name = "avatarsite"
    label = "site"
    verbose_name = "Site"

    def ready(self) -> None:
        from avatarsite import checks  # noqa: F401, PLC0415 -- models and checks need the app registry
