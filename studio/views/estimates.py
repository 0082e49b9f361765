"""What a video would cost somebody who has not signed in, by each model and each provider that could make it."""

from __future__ import annotations

from dataclasses import dataclass

from studio.pipeline.long.plan import quote_seconds
from studio.pipeline.long.shown import likely_micros
from studio.pipeline.request.quote import Market, Quote, QuoteLine
from studio.providers import registry
from studio.providers.registry import MODELS, Model


@dataclass(frozen=True, slots=True)
class Taker:
    """A provider, and what it would take."""

    label: str
    micros: int
    chosen: bool


@dataclass(frozen=True, slots=True)
class Estimate:
    """Of one model; without a ``line`` nobody can make it now."""

    model: Model
    quote: Quote

    @property
    def line(self) -> QuoteLine | None:
        return self.quote.chosen

    @property
    def micros(self) -> int:
        return likely_micros(self.quote, self.line.price_micros_per_second) if self.line else 0

    @property
    def takers(self) -> list[Taker]:
        """Cheapest first; none where there is no choice."""
        lines = self.quote.chain
        if len(lines) < 2:
            return []
        return [
            Taker(line.provider_label, likely_micros(self.quote, line.price_micros_per_second), line is self.line)
            for line in lines
        ]


def estimates(voice_ms: int) -> list[Estimate]:
    """In the registry's order, those that can't be had now among them."""
    market = Market.of(registry.for_sale())
    quoted = ((model, quote_seconds(model=model.slug, voice_ms=voice_ms, market=market)) for model in MODELS.values())
    return [Estimate(model, quote) for model, quote in quoted]
