from __future__ import annotations

from django.conf import settings
from django.db import models

TEXT_LENGTH = 300
APPEND_ONLY = {"audit_auditentry": "audit entries"}


class ActorKind(models.TextChoices):
    STAFF = "staff", "Staff"
    MEMBER = "member", "Person"
    TOKEN = "token", "Token"
    SYSTEM = "system", "The service"


class AuditEntry(models.Model):
    """Audit entry: one act of staff, a person, a token or the service. Never changed or deleted; triggers see to it.

    Its foreign keys bind nothing, so that it outlives what it tells of.
    """

    at = models.DateTimeField(auto_now_add=True)
    workspace = models.ForeignKey(
        "workspaces.Workspace", models.DO_NOTHING, null=True, blank=True, db_constraint=False, related_name="+"
    )
    actor_kind = models.CharField("kind of actor", max_length=10, choices=ActorKind.choices)
    actor_user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DO_NOTHING, null=True, blank=True, db_constraint=False, related_name="+"
    )
    actor = models.CharField("who", max_length=254, help_text="The address, or the token's name, as it was then.")
    address = models.GenericIPAddressField("from", null=True, blank=True)
    event = models.CharField(max_length=60)
    target = models.CharField(max_length=200, blank=True)
    what = models.CharField(max_length=TEXT_LENGTH)
    why = models.CharField(max_length=TEXT_LENGTH, blank=True)
    shown = models.BooleanField("the workspace sees it", default=True)

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["workspace", "-id"], name="audit_by_workspace"),
            models.Index(fields=["actor_user", "-id"], name="audit_by_actor"),
            models.Index(fields=["-at"], name="audit_by_time"),
            models.Index(fields=["target", "-id"], name="audit_by_target"),
        ]

    def __str__(self) -> str:
        return self.what
