from __future__ import annotations

from django.db import models

from avatarsite.workspaces.models import Workspace
from studio.models.tenancy import OwnedQuerySet

WORD_LENGTH = 40


class Tag(models.Model):
    """A word of a workspace that its videos can be found by, in lower case."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    word = models.CharField(max_length=WORD_LENGTH)

    objects = OwnedQuerySet["Tag"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "word"], name="tag_once")]

    def __str__(self) -> str:
        return self.word
