from __future__ import annotations

from django import template

from billing import money

register = template.Library()


@register.filter
def usd(micros: int | None) -> str:
    """``{{ render.charge_micros|usd }}``: nothing for None, so that "not known yet" shows as nothing."""
    return "" if micros is None else money.usd(micros)


@register.filter
def usd_at_most(micros: int | None) -> str:
    """``{{ render.ceiling_micros|usd_at_most }}``: of a ceiling, never shown below what binds."""
    return "" if micros is None else money.usd_at_most(micros)
