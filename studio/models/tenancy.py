"""Tenancy: every query starts from the workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, TypeVar

from django.db import models

if TYPE_CHECKING:
    from avatarsite.workspaces.models import Workspace

M_co = TypeVar("M_co", bound=models.Model, covariant=True)


class OwnedQuerySet(models.QuerySet[M_co]):
    def for_workspace(self, workspace: Workspace) -> Self:
        return self.filter(workspace=workspace)
