from __future__ import annotations

from django.apps import AppConfig


class StudioConfig(AppConfig):
    name = "studio"

    def ready(self) -> None:
        from avatarsite import desk  # noqa: PLC0415
        from avatarsite.inbox.sources import register_source  # noqa: PLC0415 -- models need the app registry
        from avatarsite.monitoring.metrics import register_reader  # noqa: PLC0415
        from avatarsite.queue import due_rows, jobs  # noqa: PLC0415
        from billing.verify.verification import register_check  # noqa: PLC0415
        from studio import checks, metrics, webhooks  # noqa: F401, PLC0415
        from studio.batches import check, make  # noqa: PLC0415
        from studio.labels import register_studio_names  # noqa: PLC0415
        from studio.pipeline import overdue, spoken  # noqa: PLC0415
        from studio.pipeline.audit import renders_agree_with_the_ledger  # noqa: PLC0415
        from studio.pipeline.desk import balances, lookup, offer_days, standing  # noqa: PLC0415
        from studio.pipeline.long import sound  # noqa: PLC0415
        from studio.renditions import make as renditions  # noqa: PLC0415
        from studio.sharing import review  # noqa: PLC0415
        from studio.speech import rounds  # noqa: PLC0415
        from studio.storage.outages import register_outages  # noqa: PLC0415
        from studio.videos import trash  # noqa: PLC0415

        lookup.register_lookups()
        desk.register_card("Overdue renders", model="studio.Render", query="overdue=1", ask=standing.waiting_renders)
        desk.register_card("Paused offers", model="studio.OfferHealth", query="overdue=1", ask=standing.waiting_offers)
        desk.register_panel(
            "Renders in flight", model="studio.Render", template="admin/desk/renders.html", ask=standing.in_flight
        )
        desk.register_panel(
            "Our accounts at the providers",
            model="studio.OfferHealth",
            template="admin/desk/balances.html",
            ask=balances.balances,
        )
        desk.register_panel(
            "The last 14 days", model="billing.Books", template="admin/desk/days.html", ask=offer_days.last_days
        )
        register_check(renders_agree_with_the_ledger)
        register_studio_names()
        for provider in ("runware", "fal"):
            register_source(provider, event_id=webhooks.event_id, act=webhooks.act)
        register_outages()
        overdue.register_patience()
        kinds = (
            *overdue.KINDS,
            renditions.KIND,
            review.KIND,
            sound.KIND,
            *rounds.KINDS,
            *spoken.KINDS,
            trash.KIND,
            check.KIND,
            make.KIND,
        )
        due_rows.register(*kinds, **overdue.CLAUSES)
        register_reader("renders", metrics.read_renders)
        register_reader("offers", metrics.read_offers)
        jobs.register("studio.watch", cluster=jobs.WATCH)
        jobs.register("studio.ingest", timeout=1_800)  # a copy may have to be checked and converted
        jobs.register("studio.captions", timeout=3_600)  # a long video is encoded again
        jobs.register("studio.rendition", timeout=3_600)
        jobs.register("studio.listen", timeout=900)  # to an hour of sound, beside others
        jobs.register("studio.whole", timeout=3_600)  # an hour of video may have to be converted
        jobs.register("studio.deliver", timeout=900)
        jobs.register("studio.speak", timeout=300)
        jobs.register("studio.speak_here", timeout=900)  # the last part of its round, and its join
        jobs.register("studio.check_table", timeout=300)
        jobs.register("studio.count_days", every_minutes=10)
        jobs.register("studio.ask_balances", every_minutes=10)
        jobs.register("studio.sweep_slots", every_minutes=10)
        jobs.register("studio.sweep_files", every_minutes=10)
        jobs.register("studio.sweep_thumbnails", every_minutes=10)
        jobs.register("studio.sweep_bucket", every_minutes=6 * 60)
        jobs.register("studio.verify_storage", every_minutes=24 * 60, timeout=900)
