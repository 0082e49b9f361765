from __future__ import annotations

from django.apps import AppConfig


class LifecycleConfig(AppConfig):
    name = "studio.lifecycle"
    label = "lifecycle"
    verbose_name = "Lifecycle"

    def ready(self) -> None:
        from avatarsite import desk  # noqa: PLC0415 -- models need the app registry
        from avatarsite.queue import due_rows, jobs  # noqa: PLC0415
        from studio.lifecycle import account, closing, export, old  # noqa: PLC0415

        due_rows.register(old.KIND, *export.KINDS, closing.KIND, account.KIND)
        desk.register_card(
            "Workspaces being closed", model="lifecycle.Closing", query="overdue=1", ask=closing.waiting_closings
        )
        jobs.register("studio.export", timeout=3_600)  # a workspace may have hundreds of gigabytes
        jobs.register("studio.keep_retention", timeout=600)
        jobs.register("studio.move_closing", timeout=900)
