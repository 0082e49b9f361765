from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models

from avatarsite.ids import LENGTH, new_id
from avatarsite.queue.due_rows import DueRow
from avatarsite.workspaces.models import ApiToken, Workspace
from studio.models.tenancy import OwnedQuerySet


def upload_id() -> str:
    return new_id("upl")


def slot_id() -> str:
    return new_id("slt")


class UploadKind(models.TextChoices):
    PORTRAIT = "portrait", "Portrait"
    VOICE = "voice", "Voice"


class UploadQuerySet(OwnedQuerySet["Upload"]):
    def for_workspace(self, workspace: Workspace) -> Self:
        """What its people brought, without the sound that we cut out of a voice for a part of a long video."""
        return super().for_workspace(workspace).filter(cut_from=None)


class Upload(models.Model):
    """A portrait or a voice track, probed and hashed. The same bytes twice in a workspace are one row and one file."""

    id = models.CharField(primary_key=True, max_length=LENGTH, default=upload_id, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="uploads")
    kind = models.CharField(max_length=10, choices=UploadKind.choices)
    name = models.CharField("file name", max_length=200)
    sha256 = models.CharField("SHA-256", max_length=64)
    file = models.FileField(max_length=200)
    content_type = models.CharField(max_length=60)
    bytes = models.PositiveBigIntegerField("size in bytes")
    width = models.PositiveIntegerField(null=True, blank=True)
    height = models.PositiveIntegerField(null=True, blank=True)
    duration_ms = models.PositiveIntegerField("length (ms)", null=True, blank=True)
    # Portrait: format, face ([x, y, width, height] in pixels, or null), warnings ([{code, message, remedy}, ...]: what
    # speaks against it), changes (sentences: what was altered on the way in), thumbnail (a file's name), crop ({of,
    # ratio}: the upload that it was cut from). Voice: codec, sample_rate, channels, peaks (numbers 0-100 for the
    # waveform), changes, stretches (of a long one, as studio/pipeline/long/sound.py keeps them).
    details = models.JSONField(default=dict, blank=True)
    # What a voice says, where that is known, and when: [[start in ms, end in ms, sentence], ...] in order.
    script = models.TextField(blank=True)
    sentences = models.JSONField("times of the sentences", default=list, blank=True)
    # The sound of a part of a long video: there while that part is made, and cut again for another try.
    cut_from = models.ForeignKey("self", models.CASCADE, null=True, blank=True, related_name="+")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = UploadQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["workspace", "kind", "-id"], name="upload_by_workspace")]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "kind", "sha256"], condition=models.Q(cut_from=None), name="upload_bytes_once"
            ),
            models.CheckConstraint(
                condition=models.Q(kind="portrait", width__isnull=False, height__isnull=False)
                | models.Q(kind="voice", duration_ms__isnull=False),
                name="upload_was_measured",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def warnings(self) -> list[dict[str, str]]:
        """What speaks against a portrait, as ``code``, ``message`` and ``remedy``; nothing of a voice."""
        found: list[dict[str, str]] = self.details.get("warnings", [])
        return found


class Listening(DueRow):
    """Work on a voice that is too long to be made at once: finding the stretches that it is cut into.

    ``asked_at`` is when it was asked for last; ``refused`` has code, message and remedy where nothing can be found.
    """

    voice = models.OneToOneField(Upload, models.CASCADE, primary_key=True, related_name="+")
    asked_at = models.DateTimeField()
    refused = models.JSONField(default=dict, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["next_try_at"], condition=models.Q(next_try_at__isnull=False), name="listening_due"),
        ]

    def __str__(self) -> str:
        return f"Listening to {self.voice_id}"


class UploadSlot(models.Model):
    """A place that a customer sends a file to directly, before it is judged and becomes an upload."""

    id = models.CharField(primary_key=True, max_length=LENGTH, default=slot_id, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=10, choices=UploadKind.choices)
    name = models.CharField("file name", max_length=200)
    file = models.CharField("storage name", max_length=200)
    bytes = models.PositiveBigIntegerField("announced size in bytes", null=True, blank=True)
    upload = models.ForeignKey(Upload, models.SET_NULL, null=True, blank=True, related_name="+")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    # Its address ends with the token that asked for it.
    token = models.ForeignKey(ApiToken, models.CASCADE, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)

    objects = OwnedQuerySet["UploadSlot"].as_manager()

    def __str__(self) -> str:
        return self.name
