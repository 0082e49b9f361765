"""Integer micro-dollars: where they are rounded, and how they are written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from enum import Enum

MICROS = 1_000_000
# A billion dollars: above any real amount, and far inside what JavaScript and BIGINT hold exactly.
MAX_MICROS = 1_000_000_000 * MICROS
# A selling price is cost plus margin, rounded once to the micro-dollar a second; half a micro-dollar goes up.
PRICE_ROUNDING = ROUND_HALF_UP
# Of a page's amounts: cents, or the four that look.md allows, or six where four would show an amount as nothing.
CENTS, FINE, FINEST = 2, 4, 6


class Rounding(Enum):
    """Where what is finer than the page shows goes: a ceiling up, a balance down, all else to the nearest."""

    NEAREST = "nearest"
    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Amount:
    """One amount of a page. ``own``: it has as many decimals as it needs, as a balance does, which many pages show.

    ``less`` is what is taken off it, rounded up as its page does: so what is left is what the two leave as written.
    """

    micros: int
    rounding: Rounding = Rounding.NEAREST
    own: bool = False
    less: int = 0

    def written(self, decimals: int) -> str:
        """With so many decimals, at most six, unless it has its own: ``$1.0500``, ``-$1,000.00``."""
        less = _units(self.less, 10 ** (FINEST - decimals), Rounding.UP) * 10 ** (FINEST - decimals)
        if self.own:
            needed = decimals_of([replace(self, own=False)])
            decimals = max(decimals, needed) if less else needed
        step: int = 10 ** (FINEST - decimals)
        left = _units(self.micros, step, self.rounding) - less // step
        units, sign = abs(left), "-" if left < 0 else ""
        whole, rest = divmod(units, 10**decimals)
        return f"{sign}${whole:,}.{rest:0{decimals}d}"


def _units(micros: int, step: int, rounding: Rounding) -> int:
    if rounding is Rounding.UP:
        return -(-micros // step)
    if rounding is Rounding.DOWN:
        return micros // step
    size = (abs(micros) + step // 2) // step
    return size if micros >= 0 else -size


def decimals_of(amounts: Iterable[Amount], *, least: int = CENTS, rounds: bool = False) -> int:
    """How many decimals a page needs: two while what it lists is whole cents, else four, or six for the very small.

    A page that ``rounds`` keeps to cents, as long as none of its amounts would show as nothing.
    """
    asking = [each for each in amounts if each.micros and not each.own]
    if _vanishes(asking, FINE):
        return FINEST
    if rounds:
        return max(FINE, least) if _vanishes(asking, CENTS) else least
    return max(FINE, least) if any(each.micros % (MICROS // 100) for each in asking) else least


def _vanishes(amounts: list[Amount], decimals: int) -> bool:
    return any(not _units(each.micros, 10 ** (FINEST - decimals), each.rounding) for each in amounts)


def charge_micros(duration_ms: int, micros_per_second: int) -> int:
    """What ``duration_ms`` cost at a price per second: the one place where a charge is rounded, and it's rounded up."""
    if duration_ms < 0 or micros_per_second < 0:
        raise ValueError("A duration and a price are never negative.")
    return -(-duration_ms * micros_per_second // 1000)


def selling_price(cost_micros_per_second: int, markup_percent: Decimal) -> int:
    """Cost × (1 + markup / 100) in micro-dollars a second, rounded by ``PRICE_ROUNDING``."""
    exact = cost_micros_per_second * (1 + markup_percent / 100)
    return int(exact.quantize(Decimal(1), rounding=PRICE_ROUNDING))


def micros_of(dollars: Decimal) -> int:
    """The exact micro-dollars of an amount in dollars.

    Raises ValueError with a sentence for what is not a number, finer than a micro-dollar, or beyond ``MAX_MICROS``.
    """
    if not dollars.is_finite():
        raise ValueError(f"{dollars} is not an amount; write dollars such as 10 or 2.50.")
    if abs(dollars) > MAX_MICROS // MICROS:
        raise ValueError(f"${dollars} is too much; the most in one go is {usd(MAX_MICROS)}.")
    micros = dollars * MICROS
    if micros != micros.to_integral_value():
        raise ValueError(f"${dollars} is finer than a millionth of a dollar; write at most six decimals.")
    return int(micros)


def dollars_of(micros: int) -> Decimal:
    """The exact dollars of micro-dollars."""
    return Decimal(micros) / MICROS


def usd(micros: int) -> str:
    """``$1.05``, ``$0.0562``, ``-$1,000.00``: two to four decimals as needed, six when four would show nothing."""
    sign, size = ("-" if micros < 0 else ""), abs(micros)
    ten_thousandths = (size + 50) // 100
    if size and not ten_thousandths:
        return f"{sign}$0.{size:06d}"
    whole, rest = divmod(ten_thousandths, 10_000)
    return f"{sign}${whole:,}.{f'{rest:04d}'.rstrip('0').ljust(2, '0')}"


def rate_decimals(rates: Iterable[int]) -> int:
    """How many decimals a list of prices per second has: four, or as many more as its finest price needs."""
    finest = [rate for rate in rates if rate % 100]
    if any(rate % 10 for rate in finest):
        return FINEST
    return FINE + 1 if finest else FINE


def usd_a_second(micros: int) -> str:
    """A price per second to the micro-dollar, with four decimals at least: ``$0.0562``, ``$0.12075``."""
    return Amount(micros).written(rate_decimals([micros]))


def usd_at_most(micros: int) -> str:
    """As ``usd``, of a ceiling: rounded up, so that what is shown is never below what binds."""
    return usd(-(-micros // 100) * 100)


def usd_balance(micros: int) -> str:
    """As ``usd``, of what there is: rounded down, so that what is shown can be spent."""
    return _rounded(micros, Rounding.DOWN)


def usd_held(micros: int) -> str:
    """As ``usd``, of what is held: rounded up, so that it and what is left are never more than there is."""
    return _rounded(micros, Rounding.UP)


def _rounded(micros: int, rounding: Rounding) -> str:
    amount = Amount(micros, rounding)
    if decimals_of([amount]) == FINEST:
        return amount.written(FINEST)
    return usd(_units(micros, 100, rounding) * 100)


# By what an amount is called, for people who read it in what programs are told. All else is to the nearest.
_SHOWN = {
    **dict.fromkeys(("available", "posted", "paid", "bonus", "balance_after", "left"), usd_balance),
    **dict.fromkeys(("held", "reserved"), usd_held),
    **dict.fromkeys(("ceiling", "speech_ceiling", "needed", "missing", "refused", "price"), usd_at_most),
    "price_per_second": usd_a_second,
}


def shown(name: str, micros: int) -> str:
    """The text of an amount that is called ``name``: a ceiling up, a balance down, a price exact."""
    return _SHOWN.get(name, usd)(micros)
