"""Fields that take what the document says and nothing near it: no 1 for "1", no unknown name quietly dropped."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.core.validators import ProhibitNullCharactersValidator
from django.http import QueryDict
from rest_framework import serializers
from rest_framework.validators import ProhibitSurrogateCharactersValidator

WHOLE = re.compile(r"-?[0-9]{1,18}")
NO_NUL = r"^[^\x00]*$"


class StrictString(serializers.CharField):
    """A string as it is: not trimmed, empty if it may be short, and without what no database stores."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("allow_blank", not kwargs.get("min_length"))
        super().__init__(trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class StrictInteger(serializers.IntegerField):
    """An integer; ``1.0`` is one in JSON, ``"1"`` and ``true`` are not."""

    def to_internal_value(self, data: Any) -> int:
        whole = isinstance(data, int) or (isinstance(data, float) and data.is_integer())
        if isinstance(data, bool) or not whole:
            self.fail("invalid")
        return int(data)


class StrictBoolean(serializers.BooleanField):
    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class StrictChoice(serializers.ChoiceField):
    """One of some words; whoever sends another reads which there are."""

    def __init__(self, choices: Any, **kwargs: Any) -> None:
        super().__init__(choices, **kwargs)
        words = ", ".join(map(str, self.choices))
        self.error_messages["invalid_choice"] = f"This is none of the choices: {words}."

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid_choice", input=data)
        return str(super().to_internal_value(data))


class StrictStringMap(serializers.DictField):
    """Names and strings of the customer's own."""

    child = StrictString()

    def to_internal_value(self, data: Any) -> dict[str, str]:
        found: dict[str, str] = super().to_internal_value(data)
        for name in found:
            for check in (ProhibitNullCharactersValidator(), ProhibitSurrogateCharactersValidator()):
                check(name)
        return found


class Body(serializers.Serializer[Any]):
    """A request's JSON. Names that it doesn't know are refused."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if isinstance(data, Mapping):
            refuse_unknown(data, self.fields)
        found: dict[str, Any] = super().to_internal_value(data)
        return found


class Query(serializers.Serializer[Any]):
    """What stands behind an address's question mark, each name at most once.

    Unlike a form's, a name that is left out is left out, and an empty one is empty.
    """

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        refuse_unknown(data, self.fields)
        if isinstance(data, QueryDict):
            twice = {name: ["Give it once."] for name, values in data.lists() if len(values) > 1}
            if twice:
                raise serializers.ValidationError(twice)
            data = data.dict()
        found: dict[str, Any] = super().to_internal_value(data)
        return found


class QueryInteger(serializers.IntegerField):
    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, str) or not WHOLE.fullmatch(data):
            self.fail("invalid")
        return int(data)


class QueryBoolean(serializers.BooleanField):
    def to_internal_value(self, data: Any) -> bool:
        if data not in ("true", "false"):
            self.fail("invalid", input=data)
        return bool(data == "true")


def refuse_unknown(data: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    unknown = [name for name in data if name not in known]
    if unknown:
        choices = ", ".join(known) or "none"
        raise serializers.ValidationError(
            {name: [f"There is no such field. The fields are: {choices}."] for name in unknown}
        )
