from __future__ import annotations

from django.apps import AppConfig


class MisuseConfig(AppConfig):
    name = "studio.misuse"
    label = "misuse"
    verbose_name = "Misuse"

    def ready(self) -> None:
        from avatarsite import desk  # noqa: PLC0415
        from studio.misuse.reports import of_id, waiting  # noqa: PLC0415 -- models need the app registry

        desk.register_card("Reports of misuse", model="misuse.MisuseReport", query="overdue=1", ask=waiting)
        desk.register_search("misuse.MisuseReport", of_id, shape=r"rpt_\w+")
