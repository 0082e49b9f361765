"""Amounts of dollars as people write them: with either separator, the currency beside them, and digits of any script.

What can be read in one way only is taken; what can be read in two, such as 1,234, is refused with both said.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError

EXAMPLE = "Write dollars such as 20 or 12.50."
MAX_LENGTH = 60
CENTS = 2
FINEST = 6
GROUP = 3
# Marks of direction and width zero come along when an amount is pasted, and say nothing.
UNSEEN = dict.fromkeys([*range(0x200B, 0x2010), 0x061C, *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF])
# Arabic, full-width and typographic forms of the separators, the signs and the dollar.
SPELLED = {
    **dict.fromkeys([0x066B, 0xFF0E], "."),
    **dict.fromkeys([0x060C, 0xFF0C], ","),
    **dict.fromkeys([0x066C, 0x2019, 0x02BC, 0xFF07], "'"),
    **dict.fromkeys([0x2212, 0xFF0D, 0xFE63], "-"),
    **dict.fromkeys([0xFF04, 0xFE69], "$"),
    0xFF0B: "+",
}
OURS = r"(?:us\s*\$|\$\s*us|\$|usd|us\s*dollars?|dollars?)"
# A sign, the currency before or behind or both, and a dash for no cents.
FRAMED = re.compile(
    rf"(?P<sign>[+-]?)\s*(?:{OURS})?\s*(?P<inner>[+-]?)\s*"
    rf"(?P<body>[.,]?\d[\d.,' ]*?)(?:[.,][-–—]{{1,2}})?\s*(?:{OURS})?",
    re.IGNORECASE,
)
ELSEWHERE = re.compile(r"[A-Za-z]{2,}|[€£¥¢₹₽₩₪₫₺₴₦฿₿]")
# Thousands in groups of three, or as in India a group of three behind groups of two.
GROUPED = re.compile(r"\d{1,3}(?P<by>[.,' ])\d{3}(?:(?P=by)\d{3})*|\d{1,2}(?:(?P<lakh>[,])\d{2})+,\d{3}")
PLAIN = re.compile(r"(?P<whole>\d*)(?:(?P<point>[.,])(?P<rest>\d*))?")


class AmountRefused(ValueError):
    """The text can't be taken as an amount. ``code`` is invalid, currency or ambiguous; the message says what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def read_amount(text: str, *, decimals: int = FINEST) -> Decimal:
    """The dollars that a text says: ``12,50``, ``1.234,50``, ``$12``, ``12 USD``, ``1 234.50``, in any script.

    ``decimals`` are those that the amount may have, for the words of a refusal. Raises AmountRefused.
    """
    spelled = "".join(_spelled(each) for each in text.translate(UNSEEN).translate(SPELLED)).strip()
    framed = FRAMED.fullmatch(spelled) if len(spelled) <= MAX_LENGTH else None
    if framed is None or (framed["sign"] and framed["inner"]):
        raise _unreadable(text, spelled)
    number = _number(framed["body"].strip(), text, decimals)
    return -number if "-" in framed["sign"] + framed["inner"] else number


def written(dollars: Decimal) -> str:
    """An amount as it stands in a field: without a currency or groups, and never one that can be read in two ways."""
    text = f"{dollars:f}"
    whole, point, rest = text.partition(".")
    rest = rest.rstrip("0")
    if not rest:
        return whole
    # Two decimals as money is written; with three the point could be taken for a thousand's.
    padded = len(rest) == 1 or (len(rest) == GROUP and int(whole))
    return f"{whole}{point}{rest}{'0' if padded else ''}"


def _spelled(each: str) -> str:
    if each.isspace():
        return " "
    digit = unicodedata.decimal(each, None)
    return each if digit is None else str(digit)


def _number(body: str, text: str, decimals: int) -> Decimal:
    """The value of digits and separators."""
    if any(each in body for each in " '"):
        return _beside(body, text)
    last = max(body.rfind("."), body.rfind(","))
    if last >= 0 and body.count(".") and body.count(","):
        return _pointed(body[:last], body[last + 1 :], text)
    grouped = GROUPED.fullmatch(body)
    if grouped and body.count(".") + body.count(",") > 1:
        return Decimal(re.sub(r"\D", "", body))
    if grouped and not re.match("0+[.,]", body):
        raise _ambiguous(body, text, decimals)
    plain = PLAIN.fullmatch(body)
    if plain is None:
        raise _unreadable(text, body)
    return _decimal(plain["whole"], plain["rest"] or "")


def _beside(body: str, text: str) -> Decimal:
    """Groups by spaces or apostrophes: any other separator is the decimal one."""
    whole, point, rest = re.fullmatch(r"([\d' ]*)([.,]?)(.*)", body).groups()  # type: ignore[union-attr]
    return _pointed(whole, rest, text) if point else _pointed(whole, "0", text)


def _pointed(whole: str, rest: str, text: str) -> Decimal:
    if not (GROUPED.fullmatch(whole) or whole.isdecimal()) or not rest.isdecimal():
        raise _unreadable(text, whole)
    return _decimal(re.sub(r"[^0-9]", "", whole), rest)


def _decimal(whole: str, rest: str) -> Decimal:
    """Without the zeros at the end, so that 12,5000 has no more decimals than 12.50."""
    return Decimal(f"{whole or 0}.{rest.rstrip('0')}".rstrip("."))


def _ambiguous(body: str, text: str, decimals: int) -> AmountRefused:
    whole, rest = re.split("[.,]", body)
    finer = f"${whole}.{rest}" + (", which is finer than a cent" if decimals < len(rest) else "")
    point = f"{whole}.{rest}0" if decimals >= len(rest) else f"{whole}.{rest[:decimals]}"
    told = f"“{_short(text)}” can be read as ${int(whole + rest):,} or as {finer}."
    return AmountRefused("ambiguous", f"{told} Write {whole}{rest} or {point}.")


def _unreadable(text: str, spelled: str) -> AmountRefused:
    foreign = ELSEWHERE.search(re.sub(OURS, "", spelled, flags=re.IGNORECASE))
    if foreign and re.search(r"\d", spelled):
        return AmountRefused("currency", f"“{_short(text)}” is not in US dollars. {EXAMPLE}")
    return AmountRefused("invalid", f"“{_short(text)}” is not an amount. {EXAMPLE}")


def _short(text: str) -> str:
    told = " ".join(text.split())
    return told if len(told) <= MAX_LENGTH else f"{told[:MAX_LENGTH]}…"


class AmountInput(forms.TextInput):
    """A line of text that shows an amount as it is read back."""

    def format_value(self, value: Any) -> str | None:
        shown: str | None = super().format_value(written(value) if isinstance(value, Decimal) else value)
        return shown


class AmountField(forms.DecimalField):
    """Dollars, as people write them. A browser's own number field drops what it can't read, so it is one of text.

    ``cents`` is for what is bought and capped in whole cents; it is in the words of a refusal.
    """

    default_error_messages: ClassVar = {"invalid": "Enter a number of dollars, such as 20 or 12.50."}
    widget = AmountInput

    def __init__(self, *, cents: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.read_decimals = CENTS if cents else FINEST

    def to_python(self, value: Any) -> Decimal | None:  # type: ignore[override]
        text = written(value) if isinstance(value, Decimal) else str(value or "").strip()
        if not text:
            return None
        try:
            return read_amount(text, decimals=self.read_decimals)
        except AmountRefused as refusal:
            told = self.error_messages["invalid"] if refusal.code == "invalid" else str(refusal)
            raise ValidationError(told, code=refusal.code) from None

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return super().widget_attrs(widget) | {"inputmode": "decimal", "autocomplete": "off"}
