"""Money on pages: each amount is named where it stands, and all of one page get the same number of decimals.

What it needs is known when the last amount has been named, so inside ``{% one_scale %}`` a filter leaves a mark, and
the amounts are written in the end. A part that htmx swaps in says by a header what its page has.
"""

from __future__ import annotations

import re
import secrets
from contextvars import ContextVar
from dataclasses import dataclass, field

from django import template
from django.template.base import Parser, Token
from django.template.context import Context
from django.utils.safestring import SafeString, mark_safe

from billing import money
from billing.money import Amount, Rounding

register = template.Library()

HEADER = "X-Money-Decimals"
_WORDS = re.compile(r"(-?)\$(\d[\d,]*\.\d{2,6})(?!\d)")
_MARK = re.compile(r"(money[0-9a-f]{16}x)(r?)(\d*)x")  # compiled for each page it took longer than the page's amounts


@dataclass(slots=True)
class _Page:
    """The amounts of one page so far. No text can imitate its marks, since nobody knows the token beforehand."""

    least: int = money.CENTS
    rounds: bool = False
    amounts: list[Amount] = field(default_factory=list)
    rates: list[int] = field(default_factory=list)
    token: str = field(default_factory=lambda: f"money{secrets.token_hex(8)}x")

    def mark(self, amount: Amount) -> str:
        self.amounts.append(amount)
        return f"{self.token}{len(self.amounts) - 1}x"

    def mark_rate(self, micros: int) -> str:
        self.rates.append(micros)
        return f"{self.token}r{len(self.rates) - 1}x"

    def written(self, page: str) -> str:
        decimals = money.decimals_of(self.amounts, least=self.least, rounds=self.rounds)
        fine = money.rate_decimals(self.rates)

        def said(mark: re.Match[str]) -> str:
            token, rate, number = mark.groups()
            if token != self.token:
                return mark[0]
            if rate:
                return Amount(self.rates[int(number)]).written(fine)
            return self.amounts[int(number)].written(decimals) if number else str(decimals)

        return _MARK.sub(said, page)


_page: ContextVar[_Page | None] = ContextVar("page whose money is being written", default=None)


class _OneScale(template.Node):
    def __init__(self, nodelist: template.NodeList) -> None:
        self.nodelist = nodelist

    def render(self, context: Context) -> SafeString:
        if _page.get():
            return self.nodelist.render(context)
        page = _Page(_asked(context))
        before = _page.set(page)
        try:
            text = page.written(self.nodelist.render(context))
        finally:
            _page.reset(before)
        return mark_safe(text)  # noqa: S308 -- amounts are digits  # nosec B308, B703


def _asked(context: Context) -> int:
    request = context.get("request")
    said = request.headers.get(HEADER, "") if request else ""
    return int(said) if said in {"2", "4", "6"} else money.CENTS


@register.tag
def one_scale(parser: Parser, _token: Token) -> _OneScale:
    """``{% one_scale %}…{% endone_scale %}``: one number of decimals for all in it; the outermost one decides."""
    nodelist = parser.parse(("endone_scale",))
    parser.delete_first_token()
    return _OneScale(nodelist)


@register.simple_tag
def least_decimals(decimals: int) -> str:
    """For a page whose parts may bring finer money later, so that nothing on it changes its decimals then."""
    if page := _page.get():
        page.least = max(page.least, decimals)
    return ""


@register.simple_tag
def in_cents() -> str:
    """For a page of what something would cost: cents are enough, each amount rounded as its kind is."""
    if page := _page.get():
        page.rounds = True
    return ""


@register.simple_tag
def page_decimals() -> str:
    """The page's number of decimals, for the header by which its parts ask for the same."""
    page = _page.get()
    return f"{page.token}x" if page else str(money.CENTS)


def _written(amount: Amount, alone: str) -> str:
    page = _page.get()
    return page.mark(amount) if page else alone


@register.filter
def usd(micros: int | None) -> str:
    """``{{ render.charge_micros|usd }}``: nothing for None, so that "not known yet" shows as nothing."""
    return "" if micros is None else _written(Amount(micros), money.usd(micros))


@register.filter
def usd_at_most(micros: int | None) -> str:
    """``{{ render.ceiling_micros|usd_at_most }}``: of a ceiling, never shown below what binds."""
    return "" if micros is None else _written(Amount(micros, Rounding.UP), money.usd_at_most(micros))


@register.filter
def usd_at_least(micros: int) -> str:
    """``{{ line.balance_after_micros|usd_at_least }}``: of a row's balance, never shown above what there was."""
    amount = Amount(micros, Rounding.DOWN)
    return _written(amount, amount.written(money.FINE))


@register.filter
def usd_balance(micros: int | None) -> str:
    """``{{ balance.available_micros|usd_balance }}``: never shown above what there is, and the same on every page."""
    return "" if micros is None else _written_alike(Amount(micros, Rounding.DOWN, own=True))


@register.filter
def usd_left(micros: int, ceiling: int) -> str:
    """``{{ balance.available_micros|usd_left:ceiling }}``: of a balance, as both stand on the page."""
    return _written_alike(Amount(micros, Rounding.DOWN, own=True, less=ceiling))


@register.filter
def usd_held(micros: int | None) -> str:
    """``{{ balance.held_micros|usd_held }}``: never shown below what is held, and the same on every page."""
    return "" if micros is None else _written_alike(Amount(micros, Rounding.UP, own=True))


def _written_alike(amount: Amount) -> str:
    return _written(amount, amount.written(money.CENTS))


@register.filter
def usd_a_second(micros: int | None) -> str:
    """``{{ line.price_micros_per_second|usd_a_second }}``: a rate, exact, with the decimals of the page's finest."""
    if micros is None:
        return ""
    page = _page.get()
    return page.mark_rate(micros) if page else money.usd_a_second(micros)


@register.filter(is_safe=True)
def money_words(sentence: object) -> str:
    """``{{ refusal|money_words }}``: a sentence made elsewhere, its amounts in the decimals of the page."""

    def written(found: re.Match[str]) -> str:
        micros = int(found[2].replace(",", "").replace(".", "")) * 10 ** (6 - len(found[2].split(".")[1]))
        return _written(Amount(-micros if found[1] else micros), found[0])

    return _WORDS.sub(written, str(sentence))
