from __future__ import annotations

from django.apps import AppConfig


class OutboxConfig(AppConfig):
    name = "avatarsite.outbox"
    label = "outbox"
    verbose_name = "Outbox"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from avatarsite import desk  # noqa: PLC0415 -- models need the app registry
        from avatarsite.outbox import deliveries, events, lookup  # noqa: PLC0415
        from avatarsite.outbox.endpoints import failing_endpoints  # noqa: PLC0415
        from avatarsite.outbox.models import Endpoint  # noqa: PLC0415
        from avatarsite.queue import clock, due_rows  # noqa: PLC0415

        lookup.register_lookups()
        clock.register_patience(Endpoint, "rest_until")
        desk.register_card(
            "Customers' webhooks that fail", model="outbox.Endpoint", query="overdue=1", ask=failing_endpoints
        )
        due_rows.register(
            due_rows.Kind("webhook", deliveries.deliverable, task="avatarsite.send_webhooks"),
            unnumbered_events=events.fan_out_all,
        )
        deliveries.watch_for_closing()
