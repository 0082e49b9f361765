from __future__ import annotations

from django.apps import AppConfig


class GatewayConfig(AppConfig):
    name = "studio.gateway"
    label = "gateway"
    verbose_name = "Gateway"
