from __future__ import annotations

from django.db import models

from avatarsite.workspaces.models import Workspace

KEY_LENGTH = 200


class IdempotencyRecord(models.Model):
    """The stored answer to a write that came with an Idempotency-Key.

    The row is written in the transaction of the write itself: there is no answer without its effect, and no effect
    without its answer.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+", db_index=False)
    key = models.CharField(max_length=KEY_LENGTH)
    digest = models.CharField("SHA-256 of the request", max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    headers = models.JSONField(default=dict)
    body = models.TextField(blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "key"], name="answer_once_per_key")]
        indexes = [models.Index(fields=["created_at"], name="answer_by_age")]

    def __str__(self) -> str:
        return f"{self.key}: {self.status}"
