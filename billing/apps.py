from __future__ import annotations

from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "billing"

    def ready(self) -> None:
        # Here and not above, because models need the app registry.
        from billing import checks, naming  # noqa: F401, PLC0415
        from billing.promotions import watch_for_confirmed_people  # noqa: PLC0415
        from billing.token_caps import watch_for_new_tokens  # noqa: PLC0415

        naming.register_names("member", naming.people)
        naming.register_names("token", naming.tokens)
        naming.register_list("member", naming.members)
        naming.register_list("token", naming.paying_tokens)
        watch_for_new_tokens()
        watch_for_confirmed_people()
