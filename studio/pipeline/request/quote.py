"""Quotes: what a render would cost, before it is requested. Pure: reads prices and health, writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from functools import cached_property
from math import ceil

from django.utils import timezone

from billing.models import Price
from billing.money import charge_micros
from billing.prices import price_book
from studio.pipeline import health
from studio.pipeline.health import Pause, Record
from studio.providers import registry
from studio.providers.registry import Offer

CHEAPEST, FASTEST = "cheapest", "fastest"
NO_PAUSE = Pause("")


def is_pinned(routing: str) -> bool:
    """Whether it names a provider or an offer, rather than how to choose among all."""
    return routing not in (CHEAPEST, FASTEST)


@dataclass(frozen=True, slots=True)
class Terms:
    """Offers that were quoted, best first, each with the id of its price row, and why in that order. They bind us."""

    chain: tuple[tuple[str, int], ...]
    why: str


@dataclass(frozen=True, slots=True)
class Market:
    """What offers sell for now, and which of them are paused: read once for as many quotes as are made."""

    prices: Mapping[str, Price]
    paused: Mapping[str, Pause]

    @classmethod
    def of(cls, offers: Iterable[Offer]) -> Market:
        return cls(price_book.current_prices(one.id for one in offers), health.pauses())


@dataclass(frozen=True)
class QuoteLine:
    """One offer for this voice. ``ceiling_micros`` is the most that it can charge, to the micro-dollar.

    ``why_not`` is a sentence where it may not make it, and ``again_at`` when it may, if it is only paused until then.
    Its record is read once somebody asks for it: the cheapest is found without.
    """

    offer: str
    provider: str
    label: str
    provider_label: str
    price: Price | None
    voice_ms: int
    ceiling_ms: int
    ceiling_micros: int
    why_not: str
    again_at: datetime | None

    @cached_property
    def record(self) -> Record:
        return health.record_of(self.offer)

    @property
    def expected_seconds(self) -> float | None:
        return self.record.expected_seconds(self.voice_ms)

    @property
    def available(self) -> bool:
        return not self.why_not

    @property
    def price_micros_per_second(self) -> int:
        return self.price.price_micros_per_second if self.price else 0


@dataclass(frozen=True, slots=True)
class Quote:
    """Every offer of the model, those that may make it in their order, and why the first was chosen.

    ``ceiling_micros`` binds: it covers every offer of ``chain``, whichever of them makes it in the end. ``again_at`` is
    when one may be had that none is to be had of now, if that is known.
    """

    model: str
    voice_ms: int
    lines: list[QuoteLine]
    chain: list[QuoteLine]
    why: str
    again_at: datetime | None

    @property
    def chosen(self) -> QuoteLine | None:
        return self.chain[0] if self.chain else None

    @property
    def retry_after(self) -> int | None:
        """Seconds until ``again_at``."""
        return None if self.again_at is None else max(1, ceil((self.again_at - timezone.now()).total_seconds()))

    @property
    def terms(self) -> Terms:
        return Terms(tuple((line.offer, line.price.pk) for line in self.chain if line.price), self.why)

    @property
    def ceiling_micros(self) -> int:
        return max((line.ceiling_micros for line in self.chain), default=0)

    @property
    def ceiling_ms(self) -> int:
        return max((line.ceiling_ms for line in self.chain), default=0)


def quote_render(  # noqa: PLR0913 -- the parts of a request that bear on its price
    *,
    model: str,
    voice_ms: int,
    offer: str | None = None,
    routing: str = CHEAPEST,
    fallback: bool = True,
    test: bool = False,
    terms: Terms | None = None,
    market: Market | None = None,
) -> Quote:
    """Price ``voice_ms`` of voice at each offer of ``model``.

    ``routing`` is "cheapest", "fastest", a provider's name or an offer's id; ``offer`` is short for the last. With
    ``fallback`` the other offers may take the render, too, as long as none has accepted it: after one that is named,
    the others by price. The price is that of one take. A ``test`` goes to the draft engine for nothing, whatever the
    model.

    ``market`` is for who makes several quotes. With the ``terms`` of an earlier quote its offers alone may make it, in
    their order, each at the quoted price or at today's if that is lower.
    """
    routing = registry.TEST_OFFER if test else offer or routing
    offers = [registry.offer(routing)] if test else registry.offers_of(model)
    market = market or Market.of(offers)
    quoted = _quoted_prices(terms)
    prices = [_lower(market.prices.get(one.id), quoted.get(one.id)) for one in offers]
    paused = [market.paused.get(one.id, NO_PAUSE) for one in offers]
    lines = [_line(one, price, voice_ms, pause) for one, price, pause in zip(offers, prices, paused, strict=True)]
    if terms:
        return _kept(model, voice_ms, lines, terms, fallback=fallback)
    chain = _ordered(lines, routing, fallback=fallback)
    able = chain if fallback else chain[:1]
    named = _named(lines, routing)
    wanted = named if is_pinned(routing) and not (named and fallback) else lines
    return Quote(model, voice_ms, lines, able, _why(lines, chain, routing), None if able else _again_at(wanted))


def _quoted_prices(terms: Terms | None) -> dict[str, Price]:
    if terms is None:
        return {}
    rows_of = Price.objects.in_bulk([price for _, price in terms.chain])
    return {offer: rows_of[price] for offer, price in terms.chain}


def _lower(current: Price | None, quoted: Price | None) -> Price | None:
    """What counts of today's price and the quoted one; a quote is a ceiling, and a lower price is never kept back."""
    if current is None or quoted is None:
        return current or quoted
    return current if current.price_micros_per_second <= quoted.price_micros_per_second else quoted


def _kept(model: str, voice_ms: int, lines: list[QuoteLine], terms: Terms, *, fallback: bool) -> Quote:
    """What can be kept now of what was quoted; without ``fallback`` that is the first offer or nothing."""
    known = {line.offer: line for line in lines}
    quoted = [offer for offer, _ in terms.chain][: None if fallback else 1]
    sold = [known[offer] for offer in quoted if offer in known]
    chain = [line for line in sold if line.available]
    if not chain:
        gone = known[quoted[0]].why_not if quoted and quoted[0] in known else "It is no longer sold."
        return Quote(model, voice_ms, lines, [], gone if quoted else terms.why, _again_at(sold))
    moved = chain[0].offer != quoted[0]
    why = "The provider that was quoted first can't take it now; the next of the quote does." if moved else terms.why
    return Quote(model, voice_ms, lines, chain, why, None)


def _again_at(lines: list[QuoteLine]) -> datetime | None:
    return min((line.again_at for line in lines if line.again_at), default=None)


def ceiling_ms(voice_ms: int, step: Fraction) -> int:
    """The longest output that is charged: the voice rounded up to the provider's step, plus one step."""
    step_ms = step * 1000
    return ceil((ceil(voice_ms / step_ms) + 1) * step_ms)


def resized(quote: Quote, voice_ms: int) -> Quote:
    """The same offers in the same order, for a shorter voice that each of them takes as well."""
    lines = {line.offer: _for_voice(line, voice_ms) for line in quote.lines}
    return replace(quote, voice_ms=voice_ms, lines=[*lines.values()], chain=[lines[line.offer] for line in quote.chain])


def _for_voice(line: QuoteLine, voice_ms: int) -> QuoteLine:
    longest = ceiling_ms(voice_ms, registry.provider(line.provider).capabilities.output_step)
    return replace(
        line,
        voice_ms=voice_ms,
        ceiling_ms=longest,
        ceiling_micros=charge_micros(longest, line.price_micros_per_second),
    )


def _line(offer: Offer, price: Price | None, voice_ms: int, pause: Pause) -> QuoteLine:
    provider = registry.provider(offer.provider)
    longest = ceiling_ms(voice_ms, provider.capabilities.output_step)
    never = provider.why_unavailable() or _out_of_range(voice_ms, provider.capabilities.voice_ms)
    if price is None:
        never = never or "No price has been set for it."
    return QuoteLine(
        offer=offer.id,
        provider=offer.provider,
        label=offer.label,
        provider_label=offer.provider_label,
        price=price,
        voice_ms=voice_ms,
        ceiling_ms=longest,
        ceiling_micros=charge_micros(longest, price.price_micros_per_second) if price else 0,
        why_not=never or pause.why,
        again_at=None if never else pause.until,
    )


def _out_of_range(voice_ms: int, limits: tuple[int, int]) -> str:
    least, most = limits
    if voice_ms < least:
        return f"The voice is {voice_ms / 1000:g} s; it takes {least / 1000:g} s or more."
    if voice_ms > most:
        return f"The voice is {voice_ms / 1000:g} s; it takes {most / 1000:g} s at most."
    return ""


def _ordered(lines: list[QuoteLine], routing: str, *, fallback: bool) -> list[QuoteLine]:
    """Those that may make it; after what is named, the others by price if they may take it, too."""

    def price(line: QuoteLine) -> tuple[int, str]:
        return line.price_micros_per_second, line.offer

    able = [line for line in lines if line.available]
    if routing == CHEAPEST:
        return sorted(able, key=price)
    if routing == FASTEST:
        slowest = float("inf")
        return sorted(able, key=lambda line: (line.expected_seconds or slowest, *price(line)))
    named = _named(lines, routing)
    chain = sorted(_named(able, routing), key=price)
    return chain + sorted((line for line in able if line not in named), key=price) if named and fallback else chain


def _named(lines: list[QuoteLine], routing: str) -> list[QuoteLine]:
    """The lines of one provider, or of one offer."""
    return [line for line in lines if routing in (line.offer, line.provider)]


def _why(lines: list[QuoteLine], chain: list[QuoteLine], routing: str) -> str:
    if not chain:
        wanted = _named(lines, routing) if is_pinned(routing) else lines
        return wanted[0].why_not if wanted else "There is no such offer."
    if routing == registry.TEST_OFFER:
        return "A test token renders drafts, for nothing."
    if is_pinned(routing):
        chosen = _named(chain[:1], routing)
        return "You chose this provider." if chosen else "What you chose can't take it now; the cheapest other does."
    if len(chain) == 1:
        return "The only provider that is available now."
    if routing == CHEAPEST:
        return "The cheapest provider that is available now."
    if chain[0].expected_seconds is None:
        return "Nobody has a record yet, so the cheapest."
    return "The fastest provider by our last renders."
