from __future__ import annotations

from django.conf import settings
from django.db import models

from avatarsite.workspaces.models import Workspace

TEXT_LENGTH = 2_000
APPEND_ONLY = {"staff_staffnote": "notes"}


class StaffNote(models.Model):
    """Note of staff on a customer: who wrote what, when. Never changed or deleted; no customer sees it."""

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="staff_notes", db_index=False)
    # PROTECT, because SET_NULL would be an edit: people are switched off, never deleted.
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    text = models.TextField(max_length=TEXT_LENGTH)
    token = models.UUIDField("of the form, so that one sent twice is one note", unique=True, editable=False)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ("add", "view")
        permissions = [("view_as_customer", "Can look at the dashboard as a customer")]
        indexes = [models.Index(fields=["workspace", "-id"], name="note_by_workspace")]

    def __str__(self) -> str:
        return self.text if len(self.text) <= 60 else f"{self.text[:59]}…"
