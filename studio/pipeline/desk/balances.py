"""Balances of our accounts at the providers, asked for by a task and kept in a row each, so that a page asks nobody."""

from __future__ import annotations

from dataclasses import dataclass

from asgiref.sync import async_to_sync
from django.conf import settings
from django.utils import timezone

from avatarsite.alerts import close_alert, raise_alert
from avatarsite.queue.sweeping import each
from billing.money import MICROS, usd, usd_balance
from studio.models import ProviderBalance
from studio.providers import registry
from studio.providers.types import ProviderError

KIND = "balance_low"
NOT_TOLD = "It answers, and tells no amount."


@dataclass(frozen=True, slots=True)
class Shown:
    """A provider with a key here; ``row`` is None until it has been asked."""

    label: str
    row: ProviderBalance | None
    is_low: bool


def ask_balances() -> int:
    """Ask each provider that has a key here and may tell. How many have told."""
    asked = _asked()
    ProviderBalance.objects.exclude(pk__in=asked).delete()
    each(asked, _ask, "Asking for a balance")
    return ProviderBalance.objects.filter(problem="").count()


def balances() -> list[Shown]:
    """For the first page: what was told, and by whom nothing."""
    rows = ProviderBalance.objects.in_bulk(_asked())
    return [Shown(registry.PROVIDERS[name][0], rows.get(name), _is_low(rows.get(name))) for name in _asked()]


def _asked() -> list[str]:
    known = [(name, registry.provider(name)) for name in registry.PROVIDERS]
    return [name for name, one in known if one.capabilities.tells_balance and not one.why_unavailable()]


def _ask(name: str) -> None:
    now = timezone.now()
    try:
        micros, problem = async_to_sync(registry.provider(name).balance)(), NOT_TOLD
    except ProviderError as error:
        micros, problem = None, str(error)[:300]
    told = {"problem": problem} if micros is None else {"problem": "", "micros": micros, "told_at": now}
    row, _ = ProviderBalance.objects.update_or_create(pk=name, defaults={"asked_at": now, **told})
    if micros is None:
        return
    if not _is_low(row):
        close_alert(KIND, name)
        return
    label, least = registry.PROVIDERS[name][0], usd(settings.LOW_BALANCE_DOLLARS * MICROS)
    raise_alert(
        KIND, name, f"{usd_balance(micros)} is left in our account at {label}; {least} is the least it should have."
    )


def _is_low(row: ProviderBalance | None) -> bool:
    return row is not None and row.micros is not None and row.micros < settings.LOW_BALANCE_DOLLARS * MICROS
