"""Mail that is to be sent, and that was."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from avatarsite.queue.due_rows import DueRow
from avatarsite.workspaces.models import Workspace

KEY_LENGTH = 200


class MailState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    SENT = "sent", "Sent"
    GIVEN_UP = "given_up", "Given up"
    WITHHELD = "withheld", "Withheld: too many to one address"


class MailMessage(DueRow):
    """A message to one recipient. A row that waits is due at ``next_try_at``; the same ``key`` is never written twice.

    The text of a secret one (its link opens something) is encrypted, and wiped once it is sent or given up.
    """

    key = models.CharField("deduplication key", max_length=KEY_LENGTH, unique=True)
    kind = models.CharField(max_length=40)
    to = models.EmailField()
    workspace = models.ForeignKey(Workspace, models.CASCADE, null=True, blank=True, related_name="+")
    subject = models.CharField(max_length=500)
    text = models.TextField("text", blank=True)
    secret = models.BooleanField(default=False)
    headers = models.JSONField(default=dict, blank=True)
    state = models.CharField(max_length=10, choices=MailState.choices, default=MailState.WAITING)
    give_up_at = models.DateTimeField()
    last_error = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["next_try_at"], condition=Q(next_try_at__isnull=False), name="mail_due"),
            models.Index(fields=["to", "kind", "created_at"], name="mail_by_recipient"),
            models.Index(fields=["created_at"], name="mail_by_age"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=MailState.values), name="mail_state_known"),
            models.CheckConstraint(
                condition=Q(state="waiting", next_try_at__isnull=False)
                | (~Q(state="waiting") & Q(next_try_at__isnull=True)),
                name="mail_due_while_waiting",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.to}"
