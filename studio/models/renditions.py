from __future__ import annotations

from django.db import models

from avatarsite.ids import LENGTH, new_id
from avatarsite.queue.due_rows import DueRow
from studio.models.renders import Render


def rendition_id() -> str:
    return new_id("rdn")


class RenditionFormat(models.TextChoices):
    MP4 = "mp4", "MP4"
    MOV = "mov", "MOV"
    WEBM = "webm", "WebM"
    GIF = "gif", "GIF preview"


class RenditionState(models.TextChoices):
    MAKING = "making", "Being made"
    READY = "ready", "Ready"
    FAILED = "failed", "Failed"


class Rendition(DueRow):
    """A video that is ready in another format, made when somebody asked for it; its file's name has its id."""

    id = models.CharField(primary_key=True, max_length=LENGTH, default=rendition_id, editable=False)
    render = models.ForeignKey(Render, models.CASCADE, related_name="renditions")
    format = models.CharField(max_length=5, choices=RenditionFormat.choices)
    file = models.FileField(max_length=200, blank=True)
    bytes = models.PositiveBigIntegerField(null=True, blank=True)
    failure = models.CharField("why there is none", max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["render", "format"], name="rendition_once")]
        indexes = [
            models.Index(fields=["next_try_at"], condition=models.Q(next_try_at__isnull=False), name="rendition_due"),
        ]

    def __str__(self) -> str:
        return f"{self.render_id} as {self.format}"

    @property
    def state(self) -> RenditionState:
        if self.failure:
            return RenditionState.FAILED
        return RenditionState.READY if self.file else RenditionState.MAKING

    @property
    def output(self) -> str:
        """Its name among the outputs of the render."""
        return "preview.gif" if self.format == RenditionFormat.GIF else f"video.{self.format}"


def rendition_files(render: Render) -> list[str]:
    """The storage names of a render's renditions that are there."""
    return list(Rendition.objects.filter(render=render).exclude(file="").values_list("file", flat=True))
