"""django-q2's broker on our database, with a queue row that nobody waits for."""

from __future__ import annotations

from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.models import OrmQ

from avatarsite.db.compiled import add


class Broker(ORM):  # type: ignore[misc]  # django-q2 has no types
    """As ORM, but a task goes out with whatever else the caller's transaction writes."""

    def enqueue(self, task: str) -> None:
        add(OrmQ(key=self.list_key, payload=task, lock=timezone.now()))
