from __future__ import annotations

from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "avatarsite.api"
    label = "api"
    verbose_name = "API"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from avatarsite.api import schema  # noqa: F401, PLC0415 -- drf-spectacular finds what it describes by import
