from __future__ import annotations

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone

from avatarsite.ids import LENGTH, new_id
from avatarsite.outbox.event_types import EVERY, TEST
from avatarsite.queue.due_rows import DueRow
from avatarsite.workspaces.models import Workspace

URL_LENGTH = 2000
KIND_LENGTH = 40


def event_id() -> str:
    return new_id("evt")


def endpoint_id() -> str:
    return new_id("whe")


def delivery_id() -> str:
    return new_id("dlv")


class Stream(models.Model):
    """How far a workspace's events are numbered. Whoever numbers locks this row, and nobody else ever does."""

    workspace = models.OneToOneField(Workspace, models.CASCADE, primary_key=True, related_name="+")
    last_number = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.workspace_id} at {self.last_number}"


class Signing(models.Model):
    """Secrets that sign: the present one, and the one before for as long as both do."""

    secret = models.TextField("secret (encrypted)")
    old_secret = models.TextField("previous secret (encrypted)", blank=True)
    old_secret_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True


class RequestSigning(Signing):
    """The secret of a workspace for the addresses that its requests name themselves: one for all of them."""

    workspace = models.OneToOneField(Workspace, models.CASCADE, primary_key=True, related_name="+")

    def __str__(self) -> str:
        return f"requests of {self.workspace_id}"


class Event(models.Model):
    """Something that has happened, written in the transaction in which it did.

    ``number`` counts a workspace's events without gaps. It is given after the commit (``fan_out``), so that the
    transactions of a workspace need not queue for it, and so that nobody who has read number 7 ever finds a new 6.
    """

    row = models.BigAutoField(primary_key=True)
    id = models.CharField(max_length=LENGTH, unique=True, default=event_id, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="events", db_index=False)
    kind = models.CharField(max_length=KIND_LENGTH)
    subject = models.CharField("subject, such as render:rnd_…", max_length=80)
    data = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    number = models.PositiveBigIntegerField(null=True, blank=True)
    # The address that the request itself has named, and the endpoint that stands for its host.
    also_to = models.CharField("also told", max_length=URL_LENGTH, blank=True)
    also_by = models.ForeignKey("Endpoint", models.SET_NULL, null=True, blank=True, related_name="own_events")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "number"], name="event_numbered_once")]
        indexes = [
            models.Index(fields=["workspace", "row"], condition=models.Q(number=None), name="event_unnumbered"),
            models.Index(fields=["created_at"], name="event_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"

    @property
    def test(self) -> bool:
        """Whether no money stands behind it."""
        return self.kind == TEST or bool(self.data.get("test", False))


class EndpointState(models.TextChoices):
    ACTIVE = "active", "Active"
    PAUSED = "paused", "Paused"
    DISABLED = "disabled", "Disabled"


class Endpoint(Signing):
    """An address of a customer’s that is told of events.

    Paused, its deliveries are kept for later; disabled, none are made. One ``of_requests`` is a host that requests have
    named addresses at: it gets their own events alone, each at the address that was named with it, signed by the
    workspace's RequestSigning.
    """

    id = models.CharField(primary_key=True, max_length=LENGTH, default=endpoint_id, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="webhook_endpoints")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    url = models.CharField(max_length=URL_LENGTH)
    description = models.CharField(max_length=120, blank=True)
    kinds = models.JSONField(default=list)
    of_requests = models.BooleanField("of single requests", default=False)
    state = models.CharField(max_length=10, choices=EndpointState.choices, default=EndpointState.ACTIVE)
    why = models.CharField("reason for the state", max_length=200, blank=True)
    last_sequence = models.PositiveBigIntegerField(default=0)
    failures = models.PositiveIntegerField("failures in a row", default=0)
    dark_since = models.DateTimeField("failing since", null=True, blank=True)
    rest_until = models.DateTimeField("paused until", null=True, blank=True)
    served_at = models.DateTimeField("last served at", null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["workspace", "-id"], name="endpoint_by_workspace")]
        constraints = [
            models.CheckConstraint(condition=models.Q(state__in=EndpointState.values), name="endpoint_state_known"),
            models.UniqueConstraint(
                fields=["workspace", "url"], condition=models.Q(of_requests=True), name="endpoint_once_per_host"
            ),
        ]

    def __str__(self) -> str:
        return self.description or self.url

    @property
    def subject(self) -> str:
        """What its test events are about."""
        return f"endpoint:{self.pk}"

    def wants(self, event: Event) -> bool:
        if self.of_requests:
            return event.also_by_id == self.pk
        if event.kind == TEST:
            return event.subject == self.subject
        return EVERY in self.kinds or event.kind in self.kinds


class DeliveryState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    DELIVERED = "delivered", "Delivered"
    FAILED = "failed", "Given up"


class Delivery(DueRow):
    """One event on its way to one endpoint.

    ``next_try_at`` is empty when it has ended, or its endpoint is paused; ``leased_until`` is set while it is sent.
    """

    id = models.CharField(primary_key=True, max_length=LENGTH, default=delivery_id, editable=False)
    endpoint = models.ForeignKey(Endpoint, models.CASCADE, related_name="deliveries")
    event = models.ForeignKey(Event, models.CASCADE, related_name="deliveries")
    sequence = models.PositiveBigIntegerField("sequence number")
    state = models.CharField(max_length=10, choices=DeliveryState.choices, default=DeliveryState.WAITING)
    since = models.DateTimeField("tries counted since", default=timezone.now)
    leased_until = models.DateTimeField(null=True, blank=True)
    answer_code = models.PositiveSmallIntegerField(null=True, blank=True)
    answer = models.TextField("response body or error", blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "event"], name="delivery_once_per_event"),
            models.UniqueConstraint(fields=["endpoint", "sequence"], name="delivery_numbered_once"),
            models.CheckConstraint(condition=models.Q(state__in=DeliveryState.values), name="webhook_delivery_state"),
        ]
        indexes = [
            models.Index(
                fields=["endpoint", "next_try_at"],
                condition=models.Q(next_try_at__isnull=False),
                name="webhook_delivery_due",
            )
        ]

    def __str__(self) -> str:
        return f"{self.sequence} to {self.endpoint_id}"


class Attempt(models.Model):
    """One try of a delivery, as it went."""

    delivery = models.ForeignKey(Delivery, models.CASCADE, related_name="attempts")
    at = models.DateTimeField()
    code = models.PositiveSmallIntegerField(null=True, blank=True)
    answer = models.TextField("response body or error", blank=True)
    took_ms = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.code or 'no answer'} at {self.at:%Y-%m-%d %H:%M:%S}"
