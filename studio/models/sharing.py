from __future__ import annotations

from django.conf import settings
from django.db import models

from avatarsite.ids import LENGTH, new_id
from avatarsite.workspaces.models import Workspace
from studio.models.renders import Render
from studio.models.tenancy import OwnedQuerySet


def share_id() -> str:
    return new_id("shr")


class ShareLink(models.Model):
    """A link by which anybody may watch one video without signing in, until it ends or is revoked.

    The address is the id, signed: a copy of the table opens no video.
    """

    id = models.CharField(primary_key=True, max_length=LENGTH, default=share_id, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    render = models.ForeignKey(Render, models.CASCADE, related_name="shares")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    password = models.CharField("hash of the password", max_length=128, blank=True)
    allow_review = models.BooleanField("review allowed", default=False)
    allow_download = models.BooleanField("download allowed", default=False)
    # Origins whose pages may show the player in a frame; ["*"] is every page, [] none.
    embed_origins = models.JSONField("pages that may embed it", default=list, blank=True)
    views = models.PositiveBigIntegerField(default=0)
    last_viewed_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    # When word of what guests have written since is due.
    tell_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OwnedQuerySet["ShareLink"].as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["render", "-id"], name="share_by_render"),
            models.Index(fields=["tell_at"], condition=models.Q(tell_at__isnull=False), name="share_to_tell"),
        ]

    def __str__(self) -> str:
        return self.id


def comment_id() -> str:
    return new_id("cmt")


class Verdict(models.TextChoices):
    NONE = "", "Comment"
    APPROVED = "approved", "Approved"
    CHANGES = "changes", "Asks for a change"


class ReviewComment(models.Model):
    """What a guest of a share link wrote about its video: at a moment of it or of the whole, with a verdict or none."""

    id = models.CharField(primary_key=True, max_length=LENGTH, default=comment_id, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    render = models.ForeignKey(Render, models.CASCADE, related_name="comments")
    link = models.ForeignKey(ShareLink, models.CASCADE, related_name="comments")
    author = models.CharField("name, as they gave it", max_length=60)
    text = models.TextField(max_length=2_000, blank=True)
    verdict = models.CharField(max_length=10, choices=Verdict.choices, blank=True)
    at_ms = models.PositiveIntegerField("moment of the video (ms)", null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")

    objects = OwnedQuerySet["ReviewComment"].as_manager()

    class Meta:
        indexes = [models.Index(fields=["render", "id"], name="comment_by_render")]

    def __str__(self) -> str:
        return self.text[:60] or self.get_verdict_display()
