from __future__ import annotations

from django.conf import settings
from django.db import models

from avatarsite.ids import LENGTH, new_id
from avatarsite.workspaces.models import Workspace
from studio.models import Render, ShareLink

MAX_ADDRESS, MAX_WORDS = 2_000, 5_000


def report_id() -> str:
    return new_id("rpt")


class Complaint(models.TextChoices):
    MY_FACE = "my_face", "It shows me or has my voice, and I did not agree"
    SOMEBODY = "somebody", "It shows somebody else who did not agree"
    CHILD = "child", "It harms a child"
    SEXUAL = "sexual", "It is sexual or shows nudity"
    FRAUD = "fraud", "It deceives people, or asks them for money"
    HATE = "hate", "It threatens, or spreads hatred"
    OTHER = "other", "Something else"


class ReportState(models.TextChoices):
    NEW = "new", "New"
    SEEN = "seen", "Looked at"
    ACTED = "acted", "Acted upon"
    DISMISSED = "dismissed", "Dismissed"


OPEN = (ReportState.NEW, ReportState.SEEN)


class MisuseReport(models.Model):
    """What somebody has said of a video of ours. What it was about may be gone since; what was said stays."""

    id = models.CharField(primary_key=True, max_length=LENGTH, default=report_id, editable=False)
    address = models.CharField("address that was named", max_length=MAX_ADDRESS)
    complaint = models.CharField(max_length=10, choices=Complaint.choices)
    words = models.TextField("what was said", blank=True, max_length=MAX_WORDS)
    email = models.EmailField("reporter’s e-mail", blank=True)
    sent_from = models.GenericIPAddressField("sent from", null=True, blank=True)
    link = models.ForeignKey(ShareLink, models.SET_NULL, null=True, blank=True, related_name="+")
    render = models.ForeignKey(Render, models.SET_NULL, null=True, blank=True, related_name="+")
    workspace = models.ForeignKey(Workspace, models.SET_NULL, null=True, blank=True, related_name="+")
    state = models.CharField(max_length=10, choices=ReportState.choices, default=ReportState.NEW)
    outcome = models.CharField("what was decided", max_length=300, blank=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["created_at"], condition=models.Q(state__in=OPEN), name="misuse_open"),
            models.Index(fields=["render"], name="misuse_by_render"),
        ]

    def __str__(self) -> str:
        return f"{self.get_complaint_display()} ({self.pk})"

    @property
    def is_open(self) -> bool:
        return self.state in OPEN
