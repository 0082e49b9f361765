from __future__ import annotations

from django.db import models

from avatarsite.queue.due_rows import DueRow


class SignatureStatus(models.TextChoices):
    UNCHECKED = "unchecked", "Not checked yet"
    VALID = "valid", "Valid"
    INVALID = "invalid", "Invalid"


class InboundEvent(DueRow):
    """One webhook as it came, stored before anything is believed or done."""

    source = models.CharField(max_length=20)
    event_id = models.CharField("event id, or a digest of the body", max_length=200)
    headers = models.JSONField(default=dict)
    query = models.JSONField(default=dict)
    body = models.BinaryField()
    address = models.GenericIPAddressField("IP address", null=True, blank=True)
    signature_status = models.CharField(
        max_length=10, choices=SignatureStatus.choices, default=SignatureStatus.UNCHECKED
    )
    received_at = models.DateTimeField(auto_now_add=True)
    deliveries = models.PositiveIntegerField("deliveries", default=1)
    handled_at = models.DateTimeField(null=True, blank=True)
    outcome = models.TextField("outcome or error", blank=True)

    class Meta:
        verbose_name = "incoming webhook"
        constraints = [models.UniqueConstraint(fields=["source", "event_id"], name="inbound_event_stored_once")]
        indexes = [
            models.Index(
                fields=["next_try_at"], condition=models.Q(next_try_at__isnull=False), name="inbound_event_due"
            ),
            models.Index(
                fields=["received_at"], condition=models.Q(handled_at__isnull=True), name="inbound_event_unhandled"
            ),
            models.Index(fields=["-received_at"], name="inbound_event_by_time"),
            models.Index(
                fields=["address", "received_at"],
                condition=~models.Q(signature_status="valid"),
                name="inbound_event_unproven",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.event_id}"
