from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import ceil

import pytest
from django.template import Context, Template
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as some

from billing.money import (
    MAX_MICROS,
    Amount,
    Rounding,
    charge_micros,
    decimals_of,
    micros_of,
    selling_price,
    shown,
    usd,
    usd_a_second,
    usd_at_most,
    usd_balance,
    usd_held,
)


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


@pytest.mark.parametrize(
    ("amounts", "decimals"),
    [
        ([], 2),
        ([Amount(0)], 2),
        ([Amount(1_010_000), Amount(-5_000_000)], 2),
        ([Amount(1_010_000), Amount(1_004_000, Rounding.UP)], 4),
        ([Amount(276_604)], 4),
        ([Amount(-50)], 4),
        ([Amount(-49)], 6),
        ([Amount(1, Rounding.UP)], 4),
        ([Amount(9_723_396, Rounding.DOWN, own=True)], 2),
        ([Amount(9_723_396, Rounding.DOWN, own=True), Amount(84_800)], 4),
    ],
)
def test_a_page_takes_the_decimals_that_its_amounts_need(amounts: list[Amount], decimals: int) -> None:
    assert decimals_of(amounts) == decimals
    assert decimals_of(amounts, least=4) == max(decimals, 4)


@given(micros=some.integers(-(10**12), 10**12), decimals=some.sampled_from([2, 4, 6]))
def test_what_is_written_is_never_on_the_wrong_side(micros: int, decimals: int) -> None:
    def read(text: str) -> int:
        return micros_of(Decimal(text.replace("$", "").replace(",", "")))

    up, down, near = (
        read(Amount(micros, rounding).written(decimals)) for rounding in (Rounding.UP, Rounding.DOWN, Rounding.NEAREST)
    )
    step = 10 ** (6 - decimals)
    assert down <= micros <= up < micros + step
    assert micros - step < down
    assert abs(near - micros) * 2 <= step


@pytest.mark.parametrize(
    ("micros", "text"),
    [(56_200, "$0.0562"), (120_750, "$0.12075"), (100_000, "$0.1000"), (1, "$0.000001"), (0, "$0.0000")],
)
def test_a_price_per_second_is_exact(micros: int, text: str) -> None:
    assert usd_a_second(micros) == text


@given(micros=some.integers(-(10**12), 10**12))
def test_a_balance_is_never_shown_above_what_there_is_and_what_binds_never_below(micros: int) -> None:
    def read(text: str) -> int:
        return micros_of(Decimal(text.replace("$", "").replace(",", "")))

    balance, held, ceiling = (read(write(micros)) for write in (usd_balance, usd_held, usd_at_most))
    assert micros - 100 < balance <= micros <= min(held, ceiling)
    assert max(held, ceiling) < micros + 100


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *((name, "$9.7233") for name in ("available", "posted", "paid", "bonus", "balance_after", "left")),
        *((name, "$9.7234") for name in ("held", "reserved", "ceiling", "needed", "missing", "refused", "price")),
        *((name, "$9.7234") for name in ("charge", "amount", "total", "")),
        ("price_per_second", "$9.723352"),
    ],
)
def test_what_an_amount_is_called_says_how_its_text_is_rounded(name: str, text: str) -> None:
    assert shown(name, 9_723_352) == text


@pytest.mark.parametrize(
    ("rates", "words"),
    [
        ([56_200, 100_000], "$0.0562 $0.1000"),
        ([56_200, 120_750, 100_000], "$0.05620 $0.12075 $0.10000"),
        ([56_200, 120_751], "$0.056200 $0.120751"),
    ],
)
def test_prices_per_second_of_a_page_have_the_decimals_of_its_finest(rates: list[int], words: str) -> None:
    page = Template(
        "{% load money %}{% one_scale %}{% in_cents %}{% for rate in rates %}{{ rate|usd_a_second }} {% endfor %}"
        "{{ charge|usd }}{% endone_scale %}"
    )
    assert page.render(Context({"rates": rates, "charge": 1_234_567})) == f"{words} $1.23"


PAGE = """{% load money %}{% one_scale %}{% page_decimals %} {{ charge|usd }} {{ least|usd_at_most }}
{{ left|usd_balance }} {{ held|usd_held }} {{ rate|usd_a_second }} {{ said|money_words }}
[{{ none|usd }}]{% endone_scale %}"""


@pytest.mark.parametrize(
    ("charge", "words"),
    [
        (1_000_000, "2 $1.00 $5.00 $9.7233 $0.2848 $0.12075 <b>$2.00</b> []"),
        (276_604, "4 $0.2766 $5.0000 $9.7233 $0.2848 $0.12075 <b>$2.0000</b> []"),
        (3, "6 $0.000003 $5.000000 $9.7233 $0.2848 $0.12075 <b>$2.000000</b> []"),
    ],
)
def test_all_amounts_of_a_page_have_its_decimals(charge: int, words: str) -> None:
    facts = {"charge": charge, "least": 5_000_000, "left": 9_723_396, "held": 284_751, "rate": 120_750}
    page = Template(PAGE).render(Context({**facts, "said": "<b>$2.00</b>", "none": None}))
    assert " ".join(page.split()) == words.replace("<", "&lt;").replace(">", "&gt;")


@pytest.mark.parametrize(
    ("micros", "text"),
    [(20_000_000, "$20.00"), (9_723_396, "$9.7233"), (84_800, "$0.0848"), (42, "$0.000042"), (0, "$0.00")],
)
@pytest.mark.parametrize("charge", [1_000_000, 276_604, 3])
def test_a_balance_is_written_alike_on_every_page(charge: int, micros: int, text: str) -> None:
    page = Template("{% load money %}{% one_scale %}{{ charge|usd }} {{ micros|usd_balance }}{% endone_scale %}")
    assert page.render(Context({"charge": charge, "micros": micros})).split()[1] == text
    alone = Template("{% load money %}{{ micros|usd_balance }}")
    assert alone.render(Context({"micros": micros})) == text


@pytest.mark.parametrize(
    ("charge", "ceiling", "text"),
    [
        (1_000_000, 564_419, "$19.43"),
        (276_604, 564_419, "$19.4355"),
        (1_000_000, 500_000, "$19.50"),
    ],
)
def test_what_a_balance_leaves_is_what_both_leave_as_they_are_written(charge: int, ceiling: int, text: str) -> None:
    page = Template("{% load money %}{% one_scale %}{{ charge|usd }} {{ left|usd_left:ceiling }}{% endone_scale %}")
    facts = {"charge": charge, "left": 20_000_000, "ceiling": ceiling}
    assert page.render(Context(facts)).split()[1] == text
    page = Template("{% load money %}{% one_scale %}{{ charge|usd }} {{ left|usd_left:ceiling }}{% endone_scale %}")
    facts = {"charge": 1_000_000, "left": 19_437_830, "ceiling": 564_419}
    assert page.render(Context(facts)).split()[1] == "$18.8678"


def test_a_part_has_the_decimals_of_its_page(rf: RequestFactory) -> None:
    part = Template("{% load money %}{% one_scale %}{{ micros|usd }}{% endone_scale %}")
    for said, text in (("4", "$1.0000"), ("2", "$1.00"), ("", "$1.00"), ("400", "$1.00"), ("x", "$1.00")):
        request = rf.get("/", headers={"x-money-decimals": said})
        assert part.render(Context({"micros": 1_000_000, "request": request})) == text
