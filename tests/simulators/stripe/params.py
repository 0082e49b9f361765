"""Reading a request's parameters as Stripe does, and refusing every one that the SDK's own types do not know."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, Literal, get_args, get_origin

from stripe._stripe_object import UntypedStripeObject

from tests.simulators.stripe.errors import Refusal, bad, empty_parameter, missing_parameter, unknown_parameter
from tests.simulators.stripe.sdk_types import is_parameters, members, parameters

KEY = re.compile(r"\[([^\]]*)\]")
BOOLEANS = {"true": True, "false": False}
MAX_METADATA, MAX_NAME, MAX_VALUE = 50, 40, 500
Pairs = Iterable[tuple[str, str]]


def nested(pairs: Pairs) -> dict[str, Any]:
    """``a[b][0]=c`` as ``{"a": {"b": {"0": "c"}}}``; ``a[]=c`` counts up. Every leaf is text."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        first, bracket, _ = name.partition("[")
        steps = [first, *KEY.findall(name[len(first) :])] if bracket else [first]
        place = found
        for here, following in pairwise(steps):
            place = place.setdefault(here, {})
            if not isinstance(place, dict):
                raise bad(f"Invalid request: {name} mixes a value and a hash", param=name)
            if following == "":
                steps[steps.index("")] = str(len(place))
        place[steps[-1]] = value
    return found


def checked(given: type, pairs: Pairs) -> dict[str, Any]:
    """The parameters as Python values, or the refusal with which Stripe would answer.

    :param given: a TypedDict of ``stripe.params``.
    :raises Refusal: unknown, missing or malformed.
    """
    return _hash(given, nested(pairs), "")


def _hash(given: type, values: dict[str, Any], path: str) -> dict[str, Any]:
    known = parameters(given)
    found = {}
    for name, value in values.items():
        here = f"{path}[{name}]" if path else name
        if name not in known:
            raise unknown_parameter(here)
        found[name] = _value(known[name][0], value, here)
    for name, (_, is_needed) in known.items():
        if is_needed and name not in found:
            raise missing_parameter(f"{path}[{name}]" if path else name)
    return found


def _value(hint: Any, value: Any, path: str) -> Any:
    kinds = members(hint)
    literals = [word for kind in kinds if get_origin(kind) is Literal for word in get_args(kind)]
    if value == "" and "" in literals:
        return ""
    if isinstance(value, dict):
        return _composite(kinds, value, path)
    if value in literals:
        return value
    if any(literals) and not {int, bool} & set(kinds):
        raise _not_one_of(path, [word for word in literals if word])
    return _scalar(kinds, value, path)


def _composite(kinds: tuple[Any, ...], value: dict[str, Any], path: str) -> Any:
    for kind in kinds:
        if is_parameters(kind):
            return _hash(kind, value, path)
        if get_origin(kind) is list:
            (element,) = get_args(kind)
            ordered = sorted(value.items(), key=lambda item: int(item[0]) if item[0].isdigit() else 0)
            return [_value(element, item, f"{path}[{number}]") for number, item in ordered]
    if any(get_origin(kind) in (dict, UntypedStripeObject) for kind in kinds):
        return _metadata(value, path)
    raise bad(f"Invalid string: {value}", param=path)


def _metadata(value: dict[str, Any], path: str) -> dict[str, str]:
    if len(value) > MAX_METADATA:
        raise bad(f"Metadata can have up to {MAX_METADATA} keys, not {len(value)}.", param=path)
    for name, text in value.items():
        if isinstance(text, dict):
            raise bad("Metadata values must be strings, but you passed in a hash.", param=f"{path}[{name}]")
        if len(name) > MAX_NAME:
            raise bad(f"Metadata keys must be less than {MAX_NAME} characters.", param=path)
        if len(text) > MAX_VALUE:
            said = f"Metadata values must be less than {MAX_VALUE} characters, but you passed in one with {len(text)}."
            raise bad(said, param=f"{path}[{name}]")
    return dict(value)


def _scalar(kinds: tuple[Any, ...], value: str, path: str) -> Any:
    if int in kinds:
        if not re.fullmatch(r"-?\d+", value):
            raise bad(f"Invalid integer: {value}", code="parameter_invalid_integer", param=path)
        return int(value)
    if bool in kinds:
        if value not in BOOLEANS:
            raise bad(f"Invalid boolean: {value}", param=path)
        return BOOLEANS[value]
    if value == "":
        raise empty_parameter(path)
    if any(is_parameters(kind) or get_origin(kind) in (list, dict) for kind in kinds) and str not in kinds:
        is_list = any(get_origin(kind) is list for kind in kinds)
        raise bad(f"Invalid {'array' if is_list else 'object'}", param=path)
    return value


def _not_one_of(path: str, words: list[str]) -> Refusal:
    listed = ", ".join(words[:-1]) + f", or {words[-1]}" if len(words) > 1 else words[0]
    return bad(f"Invalid {path}: must be one of {listed}", param=path)
