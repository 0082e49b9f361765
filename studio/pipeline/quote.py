"""What a render would cost, before anything is asked for. Pure: reads prices and health, writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Any

from avatarsite import rows
from billing import pricing
from billing.models import Price
from billing.money import charge_micros
from studio.pipeline import health
from studio.pipeline.health import Record
from studio.pipeline.options import why_not_offered
from studio.providers import registry
from studio.providers.registry import Offer

CHEAPEST, FASTEST = "cheapest", "fastest"


@dataclass(frozen=True, slots=True)
class QuoteLine:
    """One offer for this voice. ``ceiling_micros`` is the most that it can charge, to the micro-dollar."""

    offer: str
    provider: str
    label: str
    provider_label: str
    price: Price | None
    ceiling_ms: int
    ceiling_micros: int
    why_not: str
    record: Record
    expected_seconds: float | None

    @property
    def available(self) -> bool:
        return not self.why_not

    @property
    def price_micros_per_second(self) -> int:
        return self.price.price_micros_per_second if self.price else 0


@dataclass(frozen=True, slots=True)
class Quote:
    """Every offer of the model, those that may make it in their order, and why the first was chosen.

    ``ceiling_micros`` binds: it covers every offer of ``chain``, whichever of them makes it in the end.
    """

    model: str
    voice_ms: int
    lines: list[QuoteLine]
    chain: list[QuoteLine]
    why: str

    @property
    def chosen(self) -> QuoteLine | None:
        return self.chain[0] if self.chain else None

    @property
    def ceiling_micros(self) -> int:
        return max((line.ceiling_micros for line in self.chain), default=0)

    @property
    def ceiling_ms(self) -> int:
        return max((line.ceiling_ms for line in self.chain), default=0)


def quote_render(  # noqa: PLR0913 -- the parts of a wish that bear on its price
    *,
    model: str,
    voice_ms: int,
    offer: str | None = None,
    routing: str = CHEAPEST,
    fallback: bool = True,
    options: Mapping[str, Any] | None = None,
    test: bool = False,
) -> Quote:
    """Price ``voice_ms`` of voice at each offer of ``model``.

    ``routing`` is "cheapest", "fastest", a provider's name or an offer's id; ``offer`` is short for the last. With
    ``fallback`` the other offers may take the render, too, as long as none has accepted it. Offers that can't do what
    ``options`` ask of the provider itself are not available. The price is that of one take. A ``test`` goes
    to the draft engine for nothing, whatever the model.
    """
    routing = registry.TEST_OFFER if test else offer or routing
    offers = [registry.offer(routing)] if test else registry.offers_of(model)
    with rows.pipelined():
        paused, prices = health.ask_pauses(), [pricing.ask_price(candidate.id) for candidate in offers]
    why_paused = health.pauses_of(paused)
    asked = {} if test else options or {}
    lines = [
        _line(candidate, price.first(), voice_ms, why_paused.get(candidate.id, ""), asked)
        for candidate, price in zip(offers, prices, strict=True)
    ]
    chain = _ordered([line for line in lines if line.available], routing)
    why = _why(lines, chain, routing)
    return Quote(model, voice_ms, lines, chain if fallback else chain[:1], why)


def ceiling_ms(voice_ms: int, step: Fraction) -> int:
    """The longest output that is charged: the voice rounded up to the provider's step, plus one step."""
    step_ms = step * 1000
    return ceil((ceil(voice_ms / step_ms) + 1) * step_ms)


def _line(offer: Offer, price: Price | None, voice_ms: int, paused: str, options: Mapping[str, Any]) -> QuoteLine:
    provider = registry.provider(offer.provider)
    longest = ceiling_ms(voice_ms, provider.capabilities.output_step)
    why_not = (
        provider.why_unavailable()
        or why_not_offered(options, offer.provider)
        or _out_of_range(voice_ms, provider.capabilities.voice_ms)
        or paused
    )
    if price is None:
        why_not = why_not or "No price has been set for it."
    record = health.record_of(offer.id)
    return QuoteLine(
        offer=offer.id,
        provider=offer.provider,
        label=offer.label,
        provider_label=offer.provider_label,
        price=price,
        ceiling_ms=longest,
        ceiling_micros=charge_micros(longest, price.price_micros_per_second) if price else 0,
        why_not=why_not,
        record=record,
        expected_seconds=record.expected_seconds(voice_ms),
    )


def _out_of_range(voice_ms: int, limits: tuple[int, int]) -> str:
    least, most = limits
    if voice_ms < least:
        return f"The voice is {voice_ms / 1000:g} s; it takes {least / 1000:g} s or more."
    if voice_ms > most:
        return f"The voice is {voice_ms / 1000:g} s; it takes {most / 1000:g} s at most."
    return ""


def _ordered(lines: list[QuoteLine], routing: str) -> list[QuoteLine]:
    def price(line: QuoteLine) -> tuple[int, str]:
        return line.price_micros_per_second, line.offer

    if routing == CHEAPEST:
        return sorted(lines, key=price)
    if routing == FASTEST:
        slowest = float("inf")
        return sorted(lines, key=lambda line: (line.expected_seconds or slowest, *price(line)))
    return sorted(_wished(lines, routing), key=price)


def _wished(lines: list[QuoteLine], routing: str) -> list[QuoteLine]:
    """The lines of one provider, or of one offer."""
    return [line for line in lines if routing in (line.offer, line.provider)]


def _why(lines: list[QuoteLine], chain: list[QuoteLine], routing: str) -> str:
    if not chain:
        wanted = lines if routing in (CHEAPEST, FASTEST) else _wished(lines, routing)
        return wanted[0].why_not if wanted else "There is no such offer."
    if routing == registry.TEST_OFFER:
        return "A test token renders drafts, for nothing."
    if routing not in (CHEAPEST, FASTEST):
        return "You chose this provider."
    if len(chain) == 1:
        return "The only provider that is available now."
    if routing == CHEAPEST:
        return "The cheapest provider that is available now."
    if chain[0].expected_seconds is None:
        return "Nobody has a record yet, so the cheapest."
    return "The fastest provider by our last renders."
