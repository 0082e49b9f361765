"""Lists as Stripe pages them, newest first, and ``expand[]``."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from tests.simulators.stripe.errors import bad, no_such_given
from tests.simulators.stripe.shapes import ON_REQUEST, Body
from tests.simulators.stripe.world import KINDS, Call, World

PAGING = ("limit", "starting_after", "ending_before", "expand", "created")
MAX_LIMIT, USUAL, DEEPEST = 100, 10, 4


def page(world: World, kind: str, call: Call, *, url: str, only: Body | None = None) -> Body:
    """One page of the objects of this kind that fit the filters in the parameters and ``only``."""
    given = call.params
    limit = given.get("limit", USUAL)
    if not 1 <= limit <= MAX_LIMIT:
        raise bad(f"Invalid limit: must be between 1 and {MAX_LIMIT}", code="parameter_invalid_integer", param="limit")
    found = [one for one in world.newest_first(kind) if not one.get("deleted") and _fits(one, given, only or {})]
    if "ending_before" in given:
        rest = found[: _place(world, kind, found, given["ending_before"], "ending_before")]
        data, has_more = rest[-limit:], len(rest) > limit
    else:
        start = 0
        if "starting_after" in given:
            start = _place(world, kind, found, given["starting_after"], "starting_after") + 1
        data, has_more = found[start : start + limit], len(found) > start + limit
    return {"object": "list", "url": url, "has_more": has_more, "data": data}


def _place(world: World, kind: str, found: list[Body], object_id: str, param: str) -> int:
    if object_id not in world.tables[kind]:
        raise no_such_given(KINDS[kind][2], object_id, param)
    ids = [one["id"] for one in found]
    return ids.index(object_id) if object_id in ids else len(ids)


def _fits(one: Body, given: Body, only: Body) -> bool:
    wanted = {name: value for name, value in given.items() if name not in PAGING} | only
    return _in_time(one, given.get("created")) and all(
        _matches(one, name, value) for name, value in wanted.items() if value is not None
    )


def _in_time(one: Body, created: Any) -> bool:
    if created is None:
        return True
    if isinstance(created, int):
        return bool(one["created"] == created)
    moment = one["created"]
    checks = {"gt": moment.__gt__, "gte": moment.__ge__, "lt": moment.__lt__, "lte": moment.__le__}
    return all(checks[name](bound) for name, bound in created.items())


def _matches(one: Body, name: str, value: Any) -> bool:
    if name == "types":
        return one["type"] in value
    if name == "type" and one["object"] == "event" and value.endswith("*"):
        return bool(one["type"].startswith(value[:-1]))
    if name == "customer_details":
        return bool((one["customer_details"] or {}).get("email") == value.get("email"))
    if name == "delivery_success":
        return bool((one["pending_webhooks"] == 0) == value)
    if name not in one:
        raise bad(f"This stand-in can't filter by {name}.", param=name)
    return bool(one[name] == value)


# --- expand[]


def expanded(world: World, body: Body, paths: list[str]) -> Body:
    """A copy of ``body`` with the objects of ``paths`` in place of their ids.

    :raises Refusal: a path that leads nowhere, or is too long.
    """
    copy = deepcopy(body)
    for path in paths:
        steps = path.split(".")
        if len(steps) - (steps[0] == "data") > DEEPEST:
            raise bad(f"You cannot expand more than {DEEPEST} levels of a property: {path}", param="expand")
        _expand(world, copy, steps, path)
    return copy


def _expand(world: World, place: Any, steps: list[str], path: str) -> None:
    if isinstance(place, list):
        for one in place:
            _expand(world, one, steps, path)
        return
    if not isinstance(place, dict):
        return
    name, rest = steps[0], steps[1:]
    if name not in place:
        place[name] = _on_request(world, place, name, path)
    value = place[name]
    if isinstance(value, str):
        found = world.find(value)
        if found is None:
            raise bad(f"This property cannot be expanded ({path}).", param="expand")
        place[name] = deepcopy(found)
    if isinstance(value, list):
        place[name] = [deepcopy(world.find(one)) if isinstance(one, str) else one for one in value]
    if rest:
        _expand(world, place[name], rest, path)


def _on_request(world: World, place: Body, name: str, path: str) -> Body:
    """A list that an object only carries when it is asked for."""
    kind = place.get("object", "")
    if name not in ON_REQUEST.get(kind, ()):
        raise bad(f"This property cannot be expanded ({path}).", param="expand")
    data: list[Body] = []
    if name == "refunds":
        data = [one for one in world.newest_first("refund") if one["charge"] == place["id"]]
    if name == "line_items":
        data = world.kept.line_items.get(place["id"], [])
    return {"object": "list", "data": deepcopy(data), "has_more": False, "url": f"/v1/{kind}s/{place['id']}/{name}"}
