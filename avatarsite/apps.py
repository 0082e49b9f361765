from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin.apps import SimpleAdminConfig
from django.db.models.signals import post_migrate


class SiteConfig(AppConfig):
    name = "avatarsite"
    label = "site"
    verbose_name = "Site"

    def ready(self) -> None:
        from django_q.models import OrmQ, Schedule  # noqa: PLC0415

        from avatarsite import checks, desk  # noqa: F401, PLC0415 -- models and checks need the app registry
        from avatarsite.alerts import open_alerts  # noqa: PLC0415
        from avatarsite.models import BusyWorker, Canary, Lease  # noqa: PLC0415
        from avatarsite.monitoring import readers  # noqa: PLC0415
        from avatarsite.monitoring.metrics import register_reader  # noqa: PLC0415
        from avatarsite.queue import clock, depth, heartbeat, jobs  # noqa: PLC0415
        from avatarsite.service import switches  # noqa: PLC0415

        clock.register_patience(OrmQ, "lock")
        clock.register_patience(Schedule, "next_run")
        clock.register_patience(Lease, "expires_at")
        clock.register_patience(BusyWorker, "until")
        clock.register_patience(Canary, "stamped_at")
        desk.register_card("Silent clusters", model="site.Alert", query="#queue", ask=heartbeat.waiting_clusters)
        desk.register_card("Open alerts", model="site.Alert", query="closed_at__isempty=1", ask=open_alerts)
        desk.register_panel("Queue", model="site.Alert", template="admin/desk/queue.html", ask=depth.standing)
        post_migrate.connect(switches.create_missing, sender=self, dispatch_uid="site.switches")
        register_reader("queue", readers.read_queue)
        register_reader("due", readers.read_due)
        register_reader("alerts", readers.read_alerts)
        jobs.register("avatarsite.send_webhooks", cluster=jobs.WATCH)
        jobs.register("avatarsite.send_mail")
        jobs.register("avatarsite.forget_idempotency_records", every_minutes=10)
        jobs.register("avatarsite.sweep_temporary", every_minutes=10)
        jobs.register("avatarsite.forget_inbound_events", every_minutes=60)
        jobs.register("avatarsite.forget_mail", every_minutes=60)
        jobs.register("avatarsite.forget_sessions", every_minutes=60)
        jobs.register("avatarsite.sweep", every_minutes=1)
        jobs.register("avatarsite.forget_events", every_minutes=60)


class AdminSiteConfig(SimpleAdminConfig):
    """Django's, with our site. Its pages are loaded by urls.py, so by no worker."""

    default_site = "avatarsite.admin.site.AdminSite"
