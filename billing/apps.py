from __future__ import annotations

from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "billing"

    def ready(self) -> None:
        # Here and not above, because models need the app registry.
        from avatarsite import desk  # noqa: PLC0415
        from avatarsite.inbox.sources import register_source  # noqa: PLC0415
        from avatarsite.monitoring.metrics import register_reader  # noqa: PLC0415
        from avatarsite.queue import due_rows, jobs  # noqa: PLC0415
        from billing import checks, labels, metrics  # noqa: F401, PLC0415
        from billing.budgets.budgets import watch_for_new_tokens  # noqa: PLC0415
        from billing.debts.closing import watch_for_closing  # noqa: PLC0415
        from billing.prices import price_book  # noqa: PLC0415
        from billing.promotions.promotions import watch_for_confirmed_people  # noqa: PLC0415
        from billing.refunds import disputes, topup_review  # noqa: PLC0415
        from billing.stripe_sync import webhooks  # noqa: PLC0415
        from billing.topups import lookup, sweep  # noqa: PLC0415
        from billing.verify import verification  # noqa: PLC0415

        lookup.register_lookups()
        desk.register_card("Disputes", model="billing.Dispute", query="overdue=1", ask=disputes.waiting_disputes)
        desk.register_card(
            "Top-ups in review", model="billing.TopUp", query="state__exact=review", ask=topup_review.waiting_top_ups
        )
        desk.register_card(
            "Ledger findings",
            model="site.Alert",
            query="closed_at__isempty=1&kind=ledger",
            ask=verification.waiting_findings,
        )
        desk.register_card("Everything sells at cost", model="billing.Price", query="", ask=price_book.waiting_markup)
        labels.register_names("member", labels.people)
        labels.register_names("token", labels.tokens)
        labels.register_list("member", labels.members)
        labels.register_list("token", labels.paying_tokens)
        register_reader("money", metrics.read_money)
        register_source("stripe", event_id=webhooks.event_id, act=webhooks.act)
        jobs.register("billing.expire_lots", every_minutes=5)
        jobs.register("billing.write_summaries", every_minutes=60)
        jobs.register("billing.watch_cost_drift", every_minutes=60)
        jobs.register("billing.verify_ledger", every_minutes=24 * 60)
        jobs.register("billing.reconcile_stripe", every_minutes=24 * 60)
        due_rows.register(*sweep.KINDS, automatic=sweep.nudge_automatic, debts=sweep.collect_debts)
        watch_for_new_tokens()
        watch_for_confirmed_people()
        watch_for_closing()
