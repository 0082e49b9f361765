from __future__ import annotations

from django.db import models

from avatarsite.workspaces.models import Workspace


class Turn(models.Model):
    """When a workspace last got a place at a provider: whoever has waited longest since then is next."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    provider = models.CharField(max_length=40)
    taken_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "provider"], name="turn_once")]

    def __str__(self) -> str:
        return f"{self.workspace_id} at {self.provider}"
