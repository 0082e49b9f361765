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
    allow_download = models.BooleanField("download allowed", default=False)
    # Origins whose pages may show the player in a frame; ["*"] is every page, [] none.
    embed_origins = models.JSONField("pages that may embed it", default=list, blank=True)
    views = models.PositiveBigIntegerField(default=0)
    last_viewed_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OwnedQuerySet["ShareLink"].as_manager()

    class Meta:
        indexes = [models.Index(fields=["render", "-id"], name="share_by_render")]

    def __str__(self) -> str:
        return self.id
