from __future__ import annotations

from django.apps import AppConfig


class WorkspacesConfig(AppConfig):
    name = "avatarsite.workspaces"
    label = "workspaces"
    verbose_name = "People and workspaces"

    def ready(self) -> None:
        from avatarsite.workspaces import create, lookup  # noqa: PLC0415 -- needs the models
        from avatarsite.workspaces.domains import joining  # noqa: PLC0415 -- likewise

        create.create_for_new_people()
        lookup.register_lookups()
        joining.join_at_sign_in()
