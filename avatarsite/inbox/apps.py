from __future__ import annotations

from django.apps import AppConfig


class InboxConfig(AppConfig):
    name = "avatarsite.inbox"
    label = "inbox"
    verbose_name = "Inbox"

    def ready(self) -> None:
        from avatarsite import desk  # noqa: PLC0415 -- models need the app registry
        from avatarsite.inbox.models import InboundEvent  # noqa: PLC0415
        from avatarsite.inbox.receive import waiting_events  # noqa: PLC0415
        from avatarsite.queue import due_rows  # noqa: PLC0415

        desk.register_card(
            "Incoming webhooks not handled", model="inbox.InboundEvent", query="overdue=1", ask=waiting_events
        )
        due_rows.register(
            due_rows.Kind(
                "inbound_event", InboundEvent.objects.all, task="avatarsite.handle_event", argument="event_pk"
            )
        )
