from __future__ import annotations

from django.db import models

from avatarsite.workspaces.models import Workspace


class ContentCheck(models.TextChoices):
    NONE = "none", "None"
    FAST = "fast", "Fast: key frames"
    FULL = "full", "Full: all frames"


class IfFlagged(models.TextChoices):
    """What becomes of a video that the content check marks. It costs the same either way: it was made."""

    DELIVER = "deliver", "Deliver it, marked"
    WITHHOLD = "withhold", "Withhold it until it is released"


class ContentChoice(models.Model):
    """Content check that a workspace's requests get where they name none, and what becomes of what it marks."""

    workspace = models.OneToOneField(Workspace, models.CASCADE, primary_key=True, related_name="+")
    content_check = models.CharField(max_length=10, choices=ContentCheck.choices, default=ContentCheck.NONE)
    if_flagged = models.CharField(
        "if it is marked", max_length=10, choices=IfFlagged.choices, default=IfFlagged.DELIVER
    )

    def __str__(self) -> str:
        return f"{self.workspace}: {self.content_check}, {self.if_flagged}"
