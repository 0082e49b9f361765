"""What the admin site's search knows of customers' webhooks."""

from __future__ import annotations

from avatarsite import desk
from avatarsite.outbox.models import Delivery, Endpoint, Event


def register_lookups() -> None:
    for name, prefix, rows in (
        ("outbox.Endpoint", "whe", Endpoint.objects),
        ("outbox.Delivery", "dlv", Delivery.objects),
        ("outbox.Event", "evt", Event.objects),
    ):
        desk.register_search(name, lambda query, rows=rows: rows.filter(id=query.lower()), shape=rf"{prefix}_\w+")
