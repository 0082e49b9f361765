from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import ceil

import pytest
from django.template import Context, Template
from hypothesis import given
from hypothesis import strategies as some

from billing.money import MAX_MICROS, charge_micros, micros_of, selling_price, usd, usd_at_most


@given(duration_ms=some.integers(0, 10**8), rate=some.integers(0, 10**7))
def test_a_charge_is_the_exact_product_rounded_up_once(duration_ms: int, rate: int) -> None:
    assert charge_micros(duration_ms, rate) == ceil(Fraction(duration_ms * rate, 1000))


@pytest.mark.parametrize(
    ("duration_ms", "dollars_per_second", "dollars"),
    [
        (13_866, "0.087", "1.206342"),
        (14_933, "0.087", "1.299171"),
        (22_400, "0.087", "1.9488"),
        (12_266, "0.044", "0.539704"),
        (1, "0.0562", "0.000057"),
        (0, "0.0562", "0"),
    ],
)
def test_the_providers_examples_come_out(duration_ms: int, dollars_per_second: str, dollars: str) -> None:
    rate = micros_of(Decimal(dollars_per_second))
    assert charge_micros(duration_ms, rate) == micros_of(Decimal(dollars))


def test_a_negative_duration_or_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="never negative"):
        charge_micros(-1, 10)
    with pytest.raises(ValueError, match="never negative"):
        charge_micros(1, -10)


@pytest.mark.parametrize(
    ("cost", "markup", "price"),
    [(87_000, "0", 87_000), (56_200, "25", 70_250), (1, "50", 2), (1, "49.9", 1), (3, "16.6", 3), (0, "300", 0)],
)
def test_a_selling_price_is_cost_and_margin_with_half_a_micro_dollar_going_up(
    cost: int, markup: str, price: int
) -> None:
    assert selling_price(cost, Decimal(markup)) == price


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (0, "$0.00"),
        (1_050_000, "$1.05"),
        (56_200, "$0.0562"),
        (120_750, "$0.1208"),
        (1_206_342, "$1.2063"),
        (-1_050_000, "-$1.05"),
        (10_000_000, "$10.00"),
        (1_234_567_890_000, "$1,234,567.89"),
        (57, "$0.0001"),
        (42, "$0.000042"),
        (-1, "-$0.000001"),
        (999_950, "$1.00"),
        (100_000, "$0.10"),
    ],
)
def test_money_is_written_with_two_to_four_decimals(micros: int, text: str) -> None:
    assert usd(micros) == text
    assert Template("{% load money %}{{ micros|usd }}").render(Context({"micros": micros})) == text


def test_money_not_known_yet_is_written_as_nothing() -> None:
    assert Template("{% load money %}[{{ micros|usd }}]").render(Context({"micros": None})) == "[]"


@pytest.mark.parametrize("dollars", ["NaN", "Infinity", "0.0000001", "1000000001"])
def test_dollars_that_are_no_amount_are_refused(dollars: str) -> None:
    with pytest.raises(ValueError, match=r"write|the most"):
        micros_of(Decimal(dollars))


def test_dollars_become_exact_micro_dollars() -> None:
    assert micros_of(Decimal("2.50")) == 2_500_000
    assert micros_of(Decimal("0.000001")) == 1
    assert micros_of(Decimal(1_000_000_000)) == MAX_MICROS


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (1_206_340, "$1.2064"),
        (84_800, "$0.0848"),
        (84_801, "$0.0849"),
        (1, "$0.0001"),
        (0, "$0.00"),
        (1_999_999, "$2.00"),
    ],
)
def test_a_ceiling_is_never_shown_below_what_binds(micros: int, text: str) -> None:
    assert usd_at_most(micros) == text
    assert Template("{% load money %}{{ micros|usd_at_most }}").render(Context({"micros": micros})) == text
