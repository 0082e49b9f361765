from __future__ import annotations

from django.db import models

from avatarsite.queue.due_rows import DueRow
from studio.models.renders import Render


class Whole(DueRow):
    """Work on a video of several parts: cutting its voice, looking after its parts, joining them."""

    render = models.OneToOneField(Render, models.CASCADE, primary_key=True, related_name="work")
    rate = models.PositiveIntegerField("samples a second of the voice")
    samples = models.PositiveBigIntegerField("samples of the voice")
    # What the joining found at each seam, for the operator's page: [{"at_ms": …, "score": …, "hidden": …}, ...]
    seams = models.JSONField(default=list, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["next_try_at"], condition=models.Q(next_try_at__isnull=False), name="whole_due"),
        ]

    def __str__(self) -> str:
        return f"Parts of {self.render_id}"


class Part(models.Model):
    """One stretch of a long video's voice, and the render that has it: made for this video, or kept from another."""

    whole = models.ForeignKey(Render, models.CASCADE, related_name="parts")
    number = models.PositiveSmallIntegerField()
    render = models.ForeignKey(Render, models.PROTECT, related_name="uses")
    begin = models.PositiveBigIntegerField("first sample")
    end = models.PositiveBigIntegerField("sample after the last")
    sound = models.CharField("SHA-256 of its sound", max_length=64)
    key = models.CharField("of portrait, sound, model and options", max_length=64)
    attempts = models.PositiveSmallIntegerField(default=1, help_text="Renders that were asked for to have it.")
    kept = models.BooleanField("made before", default=False, help_text="For another video, so that it costs nothing.")

    class Meta:
        ordering = ["number"]
        indexes = [models.Index(fields=["key"], name="part_by_key")]
        constraints = [
            models.UniqueConstraint(fields=["whole", "number"], name="part_number_once"),
            models.CheckConstraint(condition=models.Q(end__gt=models.F("begin")), name="part_has_sound"),
        ]

    def __str__(self) -> str:
        return f"Part {self.number} of {self.whole_id}"
