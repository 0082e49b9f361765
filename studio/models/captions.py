from __future__ import annotations

from django.db import models

from avatarsite.queue.due_rows import DueRow
from studio.models.renders import Render


class CaptionSource(models.TextChoices):
    SCRIPT = "script", "From the voice’s script"
    TEXT = "text", "From a pasted text"
    FILE = "file", "From a file"
    CUES = "cues", "Edited here"


class CaptionLook(models.TextChoices):
    NONE = "", "Beside the video"
    PLAIN = "plain", "Plain, with an outline"
    BOX = "box", "In a box"
    KARAOKE = "karaoke", "Word by word"


class CaptionState(models.TextChoices):
    WAITING = "waiting", "Waiting for the video"
    MAKING = "making", "Being made"
    READY = "ready", "Ready"
    FAILED = "failed", "Failed"


class Captions(DueRow):
    """What is said in a video, and when: beside it as files, and in a copy of it if somebody wants that."""

    render = models.OneToOneField(Render, models.CASCADE, primary_key=True, related_name="captions")
    source = models.CharField(max_length=10, choices=CaptionSource.choices)
    text = models.TextField("pasted text", blank=True)
    # [[start in ms, end in ms, text], ...] in order; empty until they are worked out.
    cues = models.JSONField(default=list, blank=True)
    burn = models.CharField("look in the video", max_length=10, blank=True, choices=CaptionLook.choices)
    # Counts what was asked for, and is part of the files' names: whoever makes an older one writes over nothing.
    version = models.PositiveBigIntegerField()
    srt = models.FileField("SRT", max_length=200, blank=True)
    vtt = models.FileField("WebVTT", max_length=200, blank=True)
    video = models.FileField("video with captions", max_length=200, blank=True)
    failure = models.CharField("why there are none", max_length=300, blank=True)
    burn_failure = models.CharField("why there is no video with them", max_length=300, blank=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "captions"
        indexes = [
            models.Index(fields=["next_try_at"], condition=models.Q(next_try_at__isnull=False), name="captions_due"),
        ]

    def __str__(self) -> str:
        return f"Captions of {self.render_id}"

    @property
    def state(self) -> CaptionState:
        if self.failure:
            return CaptionState.FAILED
        if self.vtt:
            return CaptionState.READY
        return CaptionState.WAITING if self.next_try_at is None else CaptionState.MAKING

    @property
    def burn_state(self) -> CaptionState | None:
        """Of the video that they are drawn into; None if nobody wants one."""
        if not self.burn:
            return None
        if self.failure or self.burn_failure:
            return CaptionState.FAILED
        if self.video:
            return CaptionState.READY
        return CaptionState.WAITING if self.next_try_at is None else CaptionState.MAKING

    @property
    def is_estimated(self) -> bool:
        """Whether the times are worked out from a sound that nobody has told the words of."""
        return self.source == CaptionSource.TEXT

    @property
    def files(self) -> list[str]:
        """The storage names of what there is."""
        return [file.name for file in (self.srt, self.vtt, self.video) if file and file.name]
