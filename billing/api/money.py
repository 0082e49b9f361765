"""Money as the API spells it: exact micro-dollars for programs, a rounded text for people."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from billing.money import usd


class Money(serializers.Serializer[int]):
    """An amount of US dollars."""

    amount_micros = serializers.IntegerField(help_text="Millionths of a dollar; exact.")
    currency = serializers.ChoiceField(choices=["USD"])
    display = serializers.CharField(help_text="For people, such as $1.05.")

    def to_representation(self, instance: int) -> dict[str, Any]:
        return money(instance)


def money(micros: int) -> dict[str, Any]:
    return {"amount_micros": micros, "currency": "USD", "display": usd(micros)}
