from __future__ import annotations

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone

from avatarsite.ids import LENGTH, new_id
from avatarsite.workspaces.models import ApiToken, Workspace
from studio.models.renders import Render, RenderGroup
from studio.models.tenancy import OwnedQuerySet
from studio.models.uploads import Upload
from studio.providers import registry


def approval_id() -> str:
    return new_id("apv")


class ApprovalState(models.TextChoices):
    WAITING = "awaiting_approval", "Waiting"
    APPROVED = "approved", "Approved"
    DECLINED = "declined", "Declined"
    EXPIRED = "expired", "Expired"


class Approval(models.Model):
    """What a token has asked for above its amount, until a person says yes or no. Nothing is held for it.

    ``ceiling_micros`` is what the person reads, and the most that is held after a yes. That it has expired is no
    column: ``state`` of one that waits is read with ``expires_at``, by ``stands``.
    """

    id = models.CharField(primary_key=True, max_length=LENGTH, default=approval_id, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="approvals", db_index=False)
    token = models.ForeignKey(ApiToken, models.CASCADE, related_name="+")
    asked_for = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    state = models.CharField(max_length=20, choices=ApprovalState.choices, default=ApprovalState.WAITING)
    requests = models.JSONField("what was asked for", encoder=DjangoJSONEncoder)
    digest = models.CharField("SHA-256 of it", max_length=64)
    is_batch = models.BooleanField("batch", default=False)
    count = models.PositiveIntegerField("videos")
    title = models.CharField(max_length=120)
    model = models.CharField(max_length=60)
    portrait = models.ForeignKey(Upload, models.SET_NULL, null=True, related_name="+", db_index=False)
    voice = models.ForeignKey(Upload, models.SET_NULL, null=True, related_name="+", db_index=False)
    ceiling_micros = models.BigIntegerField("maximum charge (micros)")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    render = models.ForeignKey(Render, models.SET_NULL, null=True, blank=True, related_name="+")
    group = models.ForeignKey(RenderGroup, models.SET_NULL, null=True, blank=True, related_name="+")

    objects = OwnedQuerySet["Approval"].as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "-id"], name="approval_by_workspace"),
            models.Index(
                fields=["workspace", "expires_at"],
                condition=models.Q(state=ApprovalState.WAITING),
                name="approval_waiting",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=[s for s in ApprovalState.values if s != ApprovalState.EXPIRED]),
                name="approval_state_known",
            )
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def model_name(self) -> str:
        known = registry.MODELS.get(self.model)
        return known.name if known else self.model

    @property
    def script(self) -> str:
        """The words of the first video, where it comes of words."""
        return str(self.requests[0].get("words", {}).get("script", ""))

    @property
    def stands(self) -> str:
        """The state as it is now."""
        late = self.state == ApprovalState.WAITING and self.expires_at <= timezone.now()
        return ApprovalState.EXPIRED if late else self.state
