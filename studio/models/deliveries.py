from __future__ import annotations

from django.db import models

from avatarsite.queue.due_rows import DueRow
from studio.models.renders import Render


class DeliveryState(models.TextChoices):
    WAITING = "waiting", "On its way"
    DELIVERED = "delivered", "Delivered"
    GIVEN_UP = "given_up", "Given up"


class Delivery(DueRow):
    """Sending the finished file of one render to the address that its customer named."""

    render = models.OneToOneField(Render, models.CASCADE, related_name="delivery")
    url = models.TextField("address")  # may carry a signature, so only its host is shown
    state = models.CharField(max_length=10, choices=DeliveryState.choices, default=DeliveryState.WAITING)
    last_status = models.PositiveSmallIntegerField("last HTTP status", null=True, blank=True)
    last_answer = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "deliveries"
        indexes = [
            models.Index(fields=["next_try_at"], condition=models.Q(next_try_at__isnull=False), name="delivery_due"),
        ]

    def __str__(self) -> str:
        return f"{self.get_state_display()}: {self.render_id}"
