from __future__ import annotations

from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "billing"

    def ready(self) -> None:
        from billing import checks  # noqa: F401, PLC0415 -- registers the system checks
        from billing.naming import people, register_names  # noqa: PLC0415 -- models need the app registry

        register_names("member", people)
