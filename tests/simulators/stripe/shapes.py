"""Answers with exactly the fields that the SDK's classes declare: what is unknown here is null there."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

from stripe import StripeObject
from stripe._list_object import ListObject
from stripe._stripe_object import UntypedStripeObject

from tests.simulators.stripe.sdk_types import fields, members

Body = dict[str, Any]
# Declared as optional, and left out altogether unless they are asked for by expand[].
ON_REQUEST = {
    "charge": ("refunds", "level3", "source_transfer", "transfer"),
    "checkout.session": ("line_items",),
    "customer": ("sources", "subscriptions", "tax_ids", "tax", "cash_balance", "deleted", "customer_account"),
    "invoice": ("deleted",),
}


class ShapeError(AssertionError):
    """The stand-in was about to say something that the SDK's types don't know."""


def shaped(answer: type, values: Body) -> Body:
    """``values`` with every other field of ``answer`` beside them, nested ones too.

    :raises ShapeError: a field that the class doesn't have, or lacks a value for.
    """
    known = fields(answer)
    strange = set(values) - set(known)
    if strange:
        raise ShapeError(f"{answer.__qualname__} has no {sorted(strange)}")
    found = {}
    for name, hint in known.items():
        if name in values:
            found[name] = _filled(hint, values[name])
        else:
            found[name] = _nothing(answer, name, hint)
    absent = ON_REQUEST.get(found.get("object", ""), ())
    if found.get("object") == "payment_method":  # it has the details of its own kind alone
        absent = tuple(name for name, value in found.items() if value is None and _is_kind(known[name]))
    return {name: value for name, value in found.items() if name not in absent or name in values}


def _is_kind(hint: Any) -> bool:
    return _class_of(hint) is not None


def _class_of(hint: Any) -> type | None:
    """The SDK's class among the alternatives of ``hint``, if there is one with fields of its own."""
    for kind in members(hint):
        if isinstance(kind, type) and issubclass(kind, StripeObject) and kind is not UntypedStripeObject:
            return kind
    return None


def _filled(hint: Any, value: Any) -> Any:
    kind = _class_of(hint)
    if isinstance(value, dict) and kind is not None and "object" not in value and not issubclass(kind, ListObject):
        return shaped(kind, value)
    return value


def _nothing(answer: type, name: str, hint: Any) -> Any:
    kinds = members(hint)
    if type(None) in kinds:
        return None
    if get_origin(kinds[0]) is Literal and len(get_args(kinds[0])) == 1:
        return get_args(kinds[0])[0]
    if get_origin(kinds[0]) is list:
        return []
    kind = _class_of(hint)
    if kind is not None and not issubclass(kind, ListObject):
        return shaped(kind, {})
    if any(UntypedStripeObject in (item, get_origin(item)) for item in kinds):
        return {}
    raise ShapeError(f"{answer.__qualname__} needs a value for {name}")
