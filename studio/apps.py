from __future__ import annotations

from django.apps import AppConfig


class StudioConfig(AppConfig):
    name = "studio"

    def ready(self) -> None:
        from avatarsite.inbox.sources import register_source  # noqa: PLC0415 -- models need the app registry
        from billing.verify.verification import register_check  # noqa: PLC0415
        from studio import checks, webhooks  # noqa: F401, PLC0415
        from studio.labels import register_studio_names  # noqa: PLC0415
        from studio.pipeline.audit import renders_agree_with_the_ledger  # noqa: PLC0415
        from studio.storage.outages import register_outages  # noqa: PLC0415

        register_check(renders_agree_with_the_ledger)
        register_studio_names()
        for provider in ("runware", "fal"):
            register_source(provider, event_id=webhooks.event_id, act=webhooks.act)
        register_outages()
