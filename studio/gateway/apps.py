from __future__ import annotations

from django.apps import AppConfig


class GatewayConfig(AppConfig):
    name = "studio.gateway"
    label = "gateway"
    verbose_name = "Gateway"

    def ready(self) -> None:
        from studio.gateway import letters  # noqa: PLC0415 -- models need the app registry
        from studio.pipeline.wake import Alarm, alarms  # noqa: PLC0415

        alarms.append(Alarm("gateway webhooks", letters.nudge_between, letters.is_due_soon))
