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


class Label(models.TextChoices):
    """What is drawn into the picture for people, beside the papers, which programs read."""

    NONE = "none", "None"
    VISIBLE = "ai_generated", "“AI-generated” in a corner"


VISIBLE = Label.VISIBLE.value


class ContentChoice(models.Model):
    """Content check and label that a workspace's requests get where they name none, and what becomes of marked ones."""

    workspace = models.OneToOneField(Workspace, models.CASCADE, primary_key=True, related_name="+")
    content_check = models.CharField(max_length=10, choices=ContentCheck.choices, default=ContentCheck.NONE)
    if_flagged = models.CharField(
        "if it is marked", max_length=10, choices=IfFlagged.choices, default=IfFlagged.DELIVER
    )

    visible_label = models.CharField("visible label", max_length=20, choices=Label.choices, default=Label.NONE)

    def __str__(self) -> str:
        return f"{self.workspace}: {self.content_check}, {self.if_flagged}, {self.visible_label}"
