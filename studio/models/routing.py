from __future__ import annotations

from django.db import models

from avatarsite.workspaces.models import Workspace


class UsualRouting(models.Model):
    """Routing that a workspace's requests get where they name none: set by staff, such as for who buys by speed."""

    workspace = models.OneToOneField(Workspace, models.CASCADE, primary_key=True, related_name="+")
    routing = models.CharField(max_length=120, default="cheapest")
    fallback = models.BooleanField("may fall over to other providers", default=True)
    reason = models.CharField(max_length=150)

    class Meta:
        verbose_name_plural = "usual routing"

    def __str__(self) -> str:
        return f"{self.workspace}: {self.routing}"


class Turn(models.Model):
    """When a workspace last got a place at a provider: whoever has waited longest since then is next."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    provider = models.CharField(max_length=40)
    taken_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "provider"], name="turn_once")]

    def __str__(self) -> str:
        return f"{self.workspace_id} at {self.provider}"
