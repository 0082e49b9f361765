"""What the SDK's own types say: parameters are TypedDicts, answers are classes with annotations.

Both are resolved here. The SDK imports many of its types for type checkers only, so ``typing.get_type_hints`` can't
read them. A name that only a type checker knows is another Stripe object: on the wire its id or, expanded, the object.
"""

from __future__ import annotations

import builtins
import sys
from functools import cache
from inspect import get_annotations
from typing import Any, ForwardRef, Literal, NotRequired, Required, Union, get_args, get_origin

import stripe
from stripe._request_options import RequestOptions
from typing_extensions import is_typeddict

# Given to every call of the SDK beside the parameters; they never reach Stripe.
OPTIONS = frozenset(RequestOptions.__annotations__)
UNION = (Union, type(int | str))


class _Names(dict[str, Any]):
    """Names as a module of the SDK would know them if it imported everything."""

    def __init__(self, module: str, owner: type | None) -> None:
        super().__init__()
        self._places = (vars(owner) if owner else {}, vars(sys.modules[module]), vars(builtins), vars(stripe))

    def __missing__(self, name: str) -> Any:
        return next((place[name] for place in self._places if name in place), Any)


def resolved(hint: Any, module: str, owner: type | None = None) -> Any:
    """``hint`` with every name in it looked up."""
    if isinstance(hint, str):
        hint = ForwardRef(hint)
    if isinstance(hint, ForwardRef):
        found = eval(hint.__forward_code__, {}, _Names(module, owner))
        return resolved(found, module, owner)
    if get_origin(hint) is None or get_origin(hint) is Literal:
        return hint
    arguments = tuple(resolved(argument, module, owner) for argument in get_args(hint))
    if get_origin(hint) in UNION:
        return Union[arguments]  # noqa: UP007 -- the members are only known here
    return hint.copy_with(arguments) if hasattr(hint, "copy_with") else get_origin(hint)[arguments]


@cache
def parameters(given: type) -> dict[str, tuple[Any, bool]]:
    """The parameters of a TypedDict of the SDK: name to (type, whether it must be there)."""
    found = {}
    for name, hint in given.__annotations__.items():
        if name in OPTIONS and not is_own(given, name):
            continue
        full = resolved(hint, given.__module__)
        if get_origin(full) in (NotRequired, Required):
            full = get_args(full)[0]
        found[name] = (resolved(full, given.__module__), name in given.__required_keys__)  # type: ignore[attr-defined]
    return found


def is_own(given: type, name: str) -> bool:
    """Whether ``name`` is no option of the SDK: only the outermost TypedDict inherits those."""
    bases = getattr(given, "__orig_bases__", ())
    return name not in OPTIONS or RequestOptions not in bases


@cache
def fields(answer: type) -> dict[str, Any]:
    """The fields of an answer of the SDK: name to type, its own and inherited ones."""
    found: dict[str, Any] = {}
    for base in reversed(answer.__mro__):
        if base.__module__ == "stripe._stripe_object" or not base.__module__.startswith("stripe"):
            continue
        for name, hint in get_annotations(base).items():
            if not name.startswith("_") and "ClassVar" not in str(hint):
                found[name] = resolved(hint, base.__module__, base)
    return found


def members(hint: Any) -> tuple[Any, ...]:
    """The alternatives of a union, or the type itself."""
    return get_args(hint) if get_origin(hint) in UNION else (hint,)


def is_parameters(hint: Any) -> bool:
    return is_typeddict(hint)
