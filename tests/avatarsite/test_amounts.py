"""Amounts as people write them: taken where they can be read in one way only, and else refused with the remedy."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

import pytest
from django import forms
from hypothesis import given
from hypothesis import strategies as st

from avatarsite.amounts import AmountField, AmountRefused, read_amount, written

MICROS = st.integers(0, 10**15).map(lambda micros: Decimal(micros) / 1_000_000)
NBSP, NARROW, THIN, MARK = "\u00a0", "\u202f", "\u2009", "\u200e"


@pytest.mark.parametrize(
    ("text", "dollars"),
    [
        *(
            (text, "12.5")
            for text in ("12,50", "12.50", "12,5", " 12.50 ", "$12.50", "$ 12,50", "12.50 USD", "usd 12,50")
        ),
        *(
            (text, "12.5")
            for text in (
                "US$12.50",
                "12,50$",
                "12.50 dollars",
                "\u0661\u0662\u066b\u0665\u0660",
                "\uff11\uff12\uff0e\uff15\uff10",
            )
        ),
        *(
            (text, "12.5")
            for text in (f"12,50{NBSP}USD", f"{MARK}12,50{MARK}", "\u06f1\u06f2\u066b\u06f5\u06f0", "१२.५०")
        ),
        *((text, "12") for text in ("12", "$12", "12 USD", "12.", "12,", "12,–", "12.-", "12.00", "+12", "\uff0412")),
        *((text, "1234.5") for text in ("1.234,50", "1,234.50", "1 234,50", f"1{NBSP}234.50", f"1{NARROW}234,5")),
        *(
            (text, "1234.5")
            for text in (f"1{THIN}234.50", "1'234.50", "1’234,50", "\u0661\u066c\u0662\u0663\u0664\u066b\u0665")
        ),
        *((text, "1234567") for text in ("1,234,567", "1.234.567", "1 234 567", "12,34,567", "1234567")),
        ("12,34,567.50", "1234567.5"),
        ("0,056", "0.056"),
        ("0.056", "0.056"),
        (".5", "0.5"),
        (",50", "0.5"),
        ("1,2345", "1.2345"),
        ("1234,567", "1234.567"),
        ("1.234,567", "1234.567"),
        *((text, "-5") for text in ("-5", "−5", "-$5", "$-5")),
    ],
)
def test_what_can_be_read_in_one_way_is_taken(text: str, dollars: str) -> None:
    assert read_amount(text) == Decimal(dollars)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("1,234", "“1,234” can be read as $1,234 or as $1.234. Write 1234 or 1.2340."),
        ("1.234", "“1.234” can be read as $1,234 or as $1.234. Write 1234 or 1.2340."),
        ("$12,345 ", "“$12,345” can be read as $12,345 or as $12.345. Write 12345 or 12.3450."),
        (
            "\u0661\u060c\u0662\u0663\u0664",
            "“\u0661\u060c\u0662\u0663\u0664” can be read as $1,234 or as $1.234. Write 1234 or 1.2340.",
        ),
        *(
            (text, f"“{text}” is not in US dollars. Write dollars such as 20 or 12.50.")
            for text in ("€12", "12 EUR", "£5")
        ),
        *(
            (text, f"“{text}” is not an amount. Write dollars such as 20 or 12.50.")
            for text in (
                "ten",
                "1e3",
                "NaN",
                "Infinity",
                "1_000",
                "12:50",
                "1.2.3",
                "1,23,4",
                "12 50",
                "12⁵⁰",
                "½",
                "--5",
            )
        ),
        *(
            (text, f"“{text}” is not an amount. Write dollars such as 20 or 12.50.")
            for text in ("1/2", "$$5", "1,,5", "'5", "(5)", "0x10", "1 234'567", "1.234,5.6", "12k", "$", ",", "-")
        ),
    ],
)
def test_what_can_not_is_refused_with_the_remedy(text: str, sentence: str) -> None:
    with pytest.raises(AmountRefused) as refused:
        read_amount(text)
    assert str(refused.value) == sentence


@given(MICROS)
def test_what_a_field_is_filled_with_is_read_as_the_same(dollars: Decimal) -> None:
    assert read_amount(written(dollars)) == dollars


@given(st.text(max_size=30))
def test_whatever_is_typed_is_a_number_or_a_sentence(text: str) -> None:
    with suppress(AmountRefused):
        assert read_amount(text).is_finite()


class Asked(forms.Form):
    amount = AmountField(cents=True, decimal_places=2, min_value=0, max_digits=12)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("12,50", Decimal("12.50")),
        ("12,5000", Decimal("12.50")),
        ("12,5001", "Ensure that there are no more than 2 decimal places."),
        ("1,234", "“1,234” can be read as $1,234 or as $1.234, which is finer than a cent. Write 1234 or 1.23."),
        ("ten", "Enter a number of dollars, such as 20 or 12.50."),
        ("-1", "Ensure this value is greater than or equal to 0."),
        (NBSP, "This field is required."),
    ],
)
def test_a_field_takes_it_as_text(typed: str, said: Decimal | str) -> None:
    form = Asked({"amount": typed})
    if form.is_valid():
        assert form.cleaned_data["amount"] == said
    else:
        assert form.errors["amount"] == [said]
    assert 'type="text"' in str(form["amount"])
    assert f'value="{typed}"' in str(form["amount"])
