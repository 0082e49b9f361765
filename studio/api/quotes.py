"""Quotes that can be taken up: what was priced is sealed into the quote's id, so that nothing has to be stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.core import signing
from django.utils import timezone

from avatarsite.workspaces.models import Workspace
from studio.pipeline.wishes import RequestRefused, Wish

LIFE = timedelta(minutes=30)
PREFIX = "quo_"
SALT = "studio.api.quotes"
ASK_AGAIN = "Ask for a new quote."


@dataclass(frozen=True, slots=True)
class Agreed:
    """What a quote was of. ``ceiling_micros`` is of all takes together."""

    model: str
    routing: str
    voice_ms: int
    takes: int
    ceiling_micros: int


def seal(workspace: Workspace, agreed: Agreed) -> tuple[str, datetime]:
    """The id of a quote, and when it ends."""
    ends = timezone.now() + LIFE
    facts = [workspace.pk, int(ends.timestamp()), agreed.model, agreed.routing, agreed.voice_ms, agreed.takes]
    return PREFIX + signing.dumps([*facts, agreed.ceiling_micros], salt=SALT, compress=True), ends


def unseal(workspace: Workspace, quote: str) -> Agreed:
    """What was agreed. Raises RequestRefused for a quote that is not of this workspace, or too old."""
    try:
        facts: list[Any] = signing.loads(quote.removeprefix(PREFIX), salt=SALT)
    except signing.BadSignature:
        facts = [None]
    if facts[0] != workspace.pk:
        raise RequestRefused("quote", "no_such_quote", "This is no quote of this workspace.", ASK_AGAIN)
    if facts[1] <= timezone.now().timestamp():
        raise RequestRefused("quote", "quote_expired", "This quote has expired.", ASK_AGAIN)
    return Agreed(*facts[2:])


def as_quoted(wish: Wish, asked: Mapping[str, Any]) -> Wish:
    """The wish, held to its quote. Raises RequestRefused when it is another wish, or the quote is too old."""
    agreed = unseal(wish.workspace, asked["quote"])
    said = {"model": agreed.model, "routing": agreed.routing, "takes": agreed.takes}
    for name, value in said.items():
        if asked.get(name, value) != value:
            found = f"The quote was for {name} {value!r}, and the request says {asked[name]!r}."
            raise RequestRefused(name, "quote_differs", found, "Leave it out, or ask for another quote.")
    if (wish.voice.duration_ms or 0) > agreed.voice_ms:
        found = f"The quote was for {agreed.voice_ms / 1000:g} s of voice; this one is longer."
        raise RequestRefused("voice", "quote_differs", found, ASK_AGAIN)
    allowed = wish.max_amount_micros
    most = agreed.ceiling_micros if allowed is None else min(agreed.ceiling_micros, allowed)
    options = dict(wish.options) | {"takes": agreed.takes}
    return replace(wish, model=agreed.model, routing=agreed.routing, options=options, max_amount_micros=most)
