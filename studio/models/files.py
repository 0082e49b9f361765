from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models

from avatarsite.queue.due_rows import DueRow
from avatarsite.workspaces.models import Workspace
from studio.models.tenancy import OwnedQuerySet


class FileKind(models.TextChoices):
    UPLOAD = "upload", "Portrait or voice"
    COPY = "copy", "Copy for providers"
    THUMBNAIL = "thumbnail", "Thumbnail"
    VIDEO = "video", "Video"
    POSTER = "poster", "Poster"
    CAPTIONS = "captions", "Captions"
    CAPTIONED = "captioned", "Video with captions"
    RENDITION = "rendition", "Video in another format"
    SLOT = "slot", "Sent to a slot"
    GATEWAY = "gateway", "Put here by a client"
    PAPERS = "papers", "Papers beside a video"
    PART = "part", "Part of a client’s file"
    EXPORT = "export", "Everything, to take along"


class FileState(models.TextChoices):
    COMING = "coming", "Coming: nothing names it yet"
    KEPT = "kept", "Kept"
    LEAVING = "leaving", "Leaving: nothing names it any more"


class StoredFile(models.Model):
    """An object in the store. The row is there before its bytes come, and goes after they have gone."""

    name = models.CharField("storage name", primary_key=True, max_length=200)
    # Of a workspace that is gone the bytes are still to be deleted.
    workspace = models.ForeignKey(Workspace, models.SET_NULL, null=True, related_name="+")
    kind = models.CharField(max_length=10, choices=FileKind.choices)
    state = models.CharField(max_length=10, choices=FileState.choices, default=FileState.COMING)
    bytes = models.PositiveBigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)
    touched_at = models.DateTimeField("last written at")

    objects = OwnedQuerySet["StoredFile"].as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["touched_at"],
                condition=~models.Q(state="kept") | models.Q(workspace=None),
                name="stored_file_to_sweep",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class StorageUse(models.Model):
    """The bytes that a workspace has in the store: the sum over its rows of StoredFile, kept with every change."""

    workspace = models.OneToOneField(Workspace, models.CASCADE, primary_key=True, related_name="+")
    bytes = models.PositiveBigIntegerField(default=0)
    quota_gb = models.PositiveIntegerField(
        "quota in GB", null=True, blank=True, help_text="Empty for what STORAGE_QUOTA_GB says; 0 for no limit."
    )
    quota_reason = models.CharField("reason for the quota", max_length=150, blank=True)
    # What came in the minute that began at ``minute``, in minutes since 1970.
    minute = models.PositiveBigIntegerField(default=0)
    minute_bytes = models.PositiveBigIntegerField(default=0)

    class Meta:
        verbose_name = "storage"
        verbose_name_plural = "storage"

    def __str__(self) -> str:
        return f"Storage of {self.workspace}"

    def clean(self) -> None:
        if self.quota_gb is not None and not self.quota_reason.strip():
            raise ValidationError({"quota_reason": "Write why this workspace has a quota of its own."})


class Retention(DueRow):
    """For how many days a workspace keeps its videos and uploads. Without a row it keeps them until somebody deletes.

    Due when it is time to look again: to tell of the first deletion, and to delete.
    """

    workspace = models.OneToOneField(Workspace, models.CASCADE, primary_key=True, related_name="retention")
    days = models.PositiveSmallIntegerField()
    since = models.DateTimeField("as it is since")
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    told_at = models.DateTimeField("first deletion mailed at", null=True, blank=True)

    class Meta:
        verbose_name_plural = "retention"
        constraints = [models.CheckConstraint(condition=models.Q(days__gte=1), name="retention_of_a_day")]
        indexes = [
            models.Index(fields=["next_try_at"], condition=models.Q(next_try_at__isnull=False), name="retention_due"),
        ]

    def __str__(self) -> str:
        return f"{self.days} day{'' if self.days == 1 else 's'}"
