from __future__ import annotations

from django.db import models

from avatarsite.ids import LENGTH, new_id
from avatarsite.workspaces.models import Workspace
from studio.models.tenancy import OwnedQuerySet


def project_id() -> str:
    return new_id("prj")


class Project(models.Model):
    """Videos that belong together, with the portrait and options that new ones start from."""

    id = models.CharField(primary_key=True, max_length=LENGTH, default=project_id, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="projects")
    name = models.CharField(max_length=80)
    portrait = models.ForeignKey("studio.Upload", models.SET_NULL, null=True, blank=True, related_name="+")
    # Defaults for its renders: any of model, prompt, output_format, output_quality.
    defaults = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    objects = OwnedQuerySet["Project"].as_manager()

    class Meta:
        indexes = [models.Index(fields=["workspace", "-id"], name="project_by_workspace")]
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="project_name_once")]

    def __str__(self) -> str:
        return self.name
