"""A token says its cap on its own row; what binds is the budget. Here the two are kept the same."""

from __future__ import annotations

from typing import Any

from django.db.models.signals import post_save

from avatarsite.workspaces.models import ApiToken, Workspace


def sync_token_cap(workspace: Workspace, scope: str, cap_micros: int | None) -> None:
    """What a cap was set to, on the rows of the token that it is about."""
    kind, _, lineage = scope.partition(":")
    if kind == "token":
        ApiToken.objects.filter(workspace=workspace, lineage=lineage).update(monthly_cap_micros=cap_micros)


def watch_for_new_tokens() -> None:
    """A token that is made with a cap has it from its first request on; one that replaces another has the other's."""
    post_save.connect(_cap_new_token, sender=ApiToken, dispatch_uid="billing.cap_new_token")


def _cap_new_token(instance: ApiToken, *, created: bool, raw: bool = False, **_: Any) -> None:
    from billing.budgets.budgets import set_cap  # noqa: PLC0415 -- budgets tells this module of each cap

    if created and not raw and instance.monthly_cap_micros is not None and instance.lineage == instance.pk:
        set_cap(instance.workspace, f"token:{instance.lineage}", instance.monthly_cap_micros, user=instance.made_by)
