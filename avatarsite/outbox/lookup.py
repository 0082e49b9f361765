"""What the admin site's search knows of customers' webhooks."""

from __future__ import annotations

from avatarsite import desk
from avatarsite.outbox.models import Delivery, Endpoint, Event


def register_lookups() -> None:
    desk.register_search("outbox.Endpoint", lambda query: Endpoint.objects.filter(pk=query.lower()), shape=r"whe_\w+")
    desk.register_search("outbox.Delivery", lambda query: Delivery.objects.filter(pk=query.lower()), shape=r"dlv_\w+")
    desk.register_search("outbox.Event", lambda query: Event.objects.filter(id=query.lower()), shape=r"evt_\w+")
