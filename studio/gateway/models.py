"""Models of the gateway: requests of customers' own clients, webhooks about them, and files put here for them.

The row is the truth: it is there before the client is answered.
"""

from __future__ import annotations

import uuid

from django.db import models

from avatarsite.ids import LENGTH, new_id
from avatarsite.queue.due_rows import DueRow
from avatarsite.workspaces.models import ApiToken, Workspace
from studio.models import Render, Upload
from studio.models.tenancy import OwnedQuerySet


def request_id() -> str:
    return new_id("gwr")


class Protocol(models.TextChoices):
    RUNWARE = "runware", "Runware"
    FAL = "fal", "fal"
    AIMLAPI = "aimlapi", "AI/ML API"


class RequestState(models.TextChoices):
    FETCHING = "fetching", "Fetching its media"
    SUBMITTED = "submitted", "Asked of the pipeline"
    REFUSED = "refused", "Rejected"
    CANCELLED = "cancelled", "Cancelled before it was asked"


class GatewayRequest(DueRow):
    """One request of a client, under the id that the client knows it by."""

    id = models.CharField(primary_key=True, max_length=LENGTH, default=request_id, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    token = models.ForeignKey(ApiToken, models.SET_NULL, null=True, blank=True, related_name="+")
    protocol = models.CharField(max_length=10, choices=Protocol.choices)
    reference = models.CharField("client-visible id", max_length=128)
    model = models.CharField("model name in the request", max_length=120)
    body = models.JSONField("request body without inline files", default=dict)
    # What the pipeline is asked for: model, prompt, options, fallback; and portrait, voice as addresses until they
    # have been fetched.
    params = models.JSONField(default=dict)
    portrait = models.ForeignKey(Upload, models.SET_NULL, null=True, blank=True, related_name="+")
    voice = models.ForeignKey(Upload, models.SET_NULL, null=True, blank=True, related_name="+")
    webhook_url = models.TextField("webhook URL", blank=True)
    webhook_pending = models.BooleanField("webhook pending", default=False)
    client_reference = models.CharField("client reference", max_length=128, blank=True)
    # Until its client has surely got the result, by the connection that asked for it or one that resumes the session.
    session = models.UUIDField("session", null=True, editable=False)

    state = models.CharField(max_length=10, choices=RequestState.choices, default=RequestState.FETCHING)
    start_by = models.DateTimeField("start deadline", null=True, blank=True)
    # code, field, message; for a request that never became a render, or whose render we ended as it had asked.
    error = models.JSONField(null=True, blank=True)
    # The first of its renders; several takes are its group.
    render = models.ForeignKey(Render, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OwnedQuerySet["GatewayRequest"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "protocol", "reference"], name="gateway_reference_once"),
        ]
        indexes = [
            models.Index(fields=["workspace", "protocol", "-id"], name="gateway_by_workspace"),
            models.Index(
                fields=["next_try_at"], condition=models.Q(next_try_at__isnull=False), name="gateway_request_due"
            ),
            models.Index(fields=["id"], condition=models.Q(webhook_pending=True), name="gateway_webhook_pending"),
            models.Index(fields=["session"], condition=models.Q(session__isnull=False), name="gateway_by_session"),
            models.Index(fields=["start_by"], condition=models.Q(start_by__isnull=False), name="gateway_start_by"),
        ]

    def __str__(self) -> str:
        return f"{self.get_protocol_display()} {self.reference}"


class WebhookState(models.TextChoices):
    WAITING = "waiting", "On its way"
    DELIVERED = "delivered", "Delivered"
    GIVEN_UP = "given_up", "Given up"


class GatewayWebhook(DueRow):
    """A webhook about one request, or about one of its takes, until it is taken or it is time to give up."""

    key = models.CharField(max_length=80, unique=True)
    request = models.ForeignKey(GatewayRequest, models.CASCADE, related_name="webhooks")
    render = models.ForeignKey(Render, models.SET_NULL, null=True, blank=True, related_name="+")
    state = models.CharField(max_length=10, choices=WebhookState.choices, default=WebhookState.WAITING)
    last_answer = models.CharField("last response", max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["next_try_at"], condition=models.Q(next_try_at__isnull=False), name="gateway_webhook_due"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_state_display()}: {self.key}"


class GatewayFile(models.Model):
    """A file that a client has put here to use it in requests. It is judged when it is used, not when it comes."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    # The address that takes its bytes ends with the token that asked for it.
    token = models.ForeignKey(ApiToken, models.SET_NULL, null=True, blank=True, related_name="+")
    name = models.CharField(max_length=200)
    content_type = models.CharField("declared content type", max_length=100)
    file = models.FileField(max_length=200, null=True, blank=True)
    bytes = models.PositiveBigIntegerField(null=True, blank=True)
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OwnedQuerySet["GatewayFile"].as_manager()

    class Meta:
        indexes = [models.Index(fields=["expires_at"], name="gateway_file_expires")]

    def __str__(self) -> str:
        return self.name
