from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class StaffConfig(AppConfig):
    name = "avatarsite.staff"
    label = "staff"
    verbose_name = "Staff"

    def ready(self) -> None:
        from avatarsite.staff import roles  # noqa: PLC0415 -- needs the models

        post_migrate.connect(roles.give_permissions, dispatch_uid="staff.roles")
