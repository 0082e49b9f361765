"""What a render would cost, before anything is asked for. Pure: reads prices, writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from billing import pricing
from billing.models import Price
from billing.money import charge_micros
from studio.providers import registry
from studio.providers.registry import Offer


@dataclass(frozen=True, slots=True)
class QuoteLine:
    """One offer for this voice. ``ceiling_micros`` is the most that can be charged, to the micro-dollar."""

    offer: str
    label: str
    provider_label: str
    price: Price | None
    ceiling_ms: int
    ceiling_micros: int
    why_not: str

    @property
    def available(self) -> bool:
        return not self.why_not

    @property
    def price_micros_per_second(self) -> int:
        return self.price.price_micros_per_second if self.price else 0


@dataclass(frozen=True, slots=True)
class Quote:
    """Every offer of the model, the one that is chosen, and why."""

    model: str
    voice_ms: int
    lines: list[QuoteLine]
    chosen: QuoteLine | None
    why: str


def quote_render(*, model: str, voice_ms: int, offer: str | None = None) -> Quote:
    """Price ``voice_ms`` of voice at each offer of ``model``; ``offer`` pins one."""
    lines = [_line(candidate, voice_ms) for candidate in registry.offers_of(model)]
    open_lines = [line for line in lines if line.available and offer in (None, line.offer)]
    chosen = min(open_lines, key=lambda line: (line.price_micros_per_second, line.offer), default=None)
    return Quote(model, voice_ms, lines, chosen, _why(lines, chosen, offer))


def ceiling_ms(voice_ms: int, step: Fraction) -> int:
    """The longest output that is charged: the voice rounded up to the provider's step, plus one step."""
    step_ms = step * 1000
    return ceil((ceil(voice_ms / step_ms) + 1) * step_ms)


def _line(offer: Offer, voice_ms: int) -> QuoteLine:
    provider = registry.provider(offer.provider)
    longest = ceiling_ms(voice_ms, provider.capabilities.output_step)
    why_not = provider.why_unavailable() or _out_of_range(voice_ms, provider.capabilities.voice_ms)
    price = None
    try:
        price = pricing.price_of(offer.id)
    except pricing.PriceMissing:
        why_not = why_not or "No price has been set for it."
    amount = charge_micros(longest, price.price_micros_per_second) if price else 0
    return QuoteLine(offer.id, offer.label, offer.provider_label, price, longest, amount, why_not)


def _out_of_range(voice_ms: int, limits: tuple[int, int]) -> str:
    least, most = limits
    if voice_ms < least:
        return f"The voice is {voice_ms / 1000:g} s; it takes {least / 1000:g} s or more."
    if voice_ms > most:
        return f"The voice is {voice_ms / 1000:g} s; it takes {most / 1000:g} s at most."
    return ""


def _why(lines: list[QuoteLine], chosen: QuoteLine | None, pinned: str | None) -> str:
    if chosen is None:
        wanted = [line for line in lines if pinned in (None, line.offer)]
        return wanted[0].why_not if wanted else "There is no such offer."
    if pinned:
        return "You chose this provider."
    if len([line for line in lines if line.available]) == 1:
        return "The only provider that is available now."
    return "The cheapest provider that is available now."
