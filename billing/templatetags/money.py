from __future__ import annotations

from django import template

from billing import money

register = template.Library()


@register.filter
def usd(micros: int | None) -> str:
    """``{{ render.charge_micros|usd }}``: nothing for None, so that "not known yet" shows as nothing."""
    return "" if micros is None else money.usd(micros)
