from __future__ import annotations

from typing import Any

from django.apps import AppConfig


class GatewayConfig(AppConfig):
    name = "studio.gateway"
    label = "gateway"
    verbose_name = "Gateway"

    def ready(self) -> None:
        from corsheaders.signals import check_request_enabled  # noqa: PLC0415 -- needs the settings

        from avatarsite.queue import due_rows  # noqa: PLC0415
        from studio.gateway import sweep, webhooks  # noqa: PLC0415 -- models need the app registry
        from studio.pipeline import states  # noqa: PLC0415

        due_rows.register(*sweep.KINDS, unwritten_webhooks=webhooks.create_missing)
        check_request_enabled.connect(_is_fals)
        states.ended.connect(webhooks.note_end)


def _is_fals(request: Any, **_: Any) -> bool:
    """Pages of any site may ask, as at fal: no cookie is read, so nothing is open that a key does not open."""
    return str(request.path_info).startswith("/compat/fal/")
