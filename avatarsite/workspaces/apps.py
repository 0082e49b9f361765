from __future__ import annotations

from django.apps import AppConfig


class WorkspacesConfig(AppConfig):
    name = "avatarsite.workspaces"
    label = "workspaces"
    verbose_name = "People and workspaces"
