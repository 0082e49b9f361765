"""Money as the API spells it: exact micro-dollars for programs, a rounded text for people."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from billing.money import shown


class Money(serializers.Serializer[int]):
    """An amount of US dollars."""

    amount_micros = serializers.IntegerField(help_text="Millionths of a dollar; exact.")
    currency = serializers.ChoiceField(choices=["USD"])
    display = serializers.CharField(
        help_text="For people, such as $1.05: a balance rounded down, a ceiling up, a price per second exact."
    )

    def to_representation(self, instance: int) -> dict[str, Any]:
        return money(instance, self.field_name or "")


def money(micros: int, name: str = "") -> dict[str, Any]:
    """``name`` says what the amount is, such as ``ceiling``, and so how its text is rounded."""
    return {"amount_micros": micros, "currency": "USD", "display": shown(name, micros)}
