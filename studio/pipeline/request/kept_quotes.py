"""Quotes that bind us: what was priced is signed into the quote's id, so that nothing has to be stored.

An id is a promise of its workspace's, not a ticket: until it expires it may be used as often as anybody there likes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from django.core import signing
from django.utils import timezone

from avatarsite.workspaces.models import Workspace
from studio.errors import RequestRefused
from studio.pipeline.request.options import DEFAULTS
from studio.pipeline.request.quote import Quote, Terms
from studio.pipeline.request.render_request import RenderRequest, speech_micros

LIFE = timedelta(minutes=30)
PREFIX, BATCH_PREFIX = "quo_", "qub_"
SALT = "studio.pipeline.request.kept_quotes"
ASK_AGAIN = "Ask for a new quote."


@dataclass(frozen=True, slots=True)
class Agreed:
    """What a quote was of.

    ``ceiling_micros`` is of all takes together and of speaking their script; ``test`` says which kind of token asked.
    """

    model: str
    routing: str
    fallback: bool
    voice_ms: int
    takes: int
    ceiling_micros: int
    test: bool
    terms: Terms


def agreed_of(  # noqa: PLR0913 -- the parts of a request that bear on its price
    quote: Quote, *, routing: str, fallback: bool, takes: int, test: bool = False, speech_micros: int = 0
) -> Agreed:
    """What a quote of one take comes to for ``takes`` of them, and for speaking their script."""
    ceiling = quote.ceiling_micros * takes + speech_micros
    return Agreed(quote.model, routing, fallback, quote.voice_ms, takes, ceiling, test, quote.terms)


def sign_quote(workspace: Workspace, agreed: Agreed) -> tuple[str, datetime]:
    """The id of a quote, and when it ends."""
    return _sign(PREFIX, workspace, astuple(agreed))


def read_quote(workspace: Workspace, quote: str) -> Agreed:
    """What was agreed. Raises RequestRefused for a quote that is not of this workspace, or too old."""
    facts = _read(PREFIX, workspace, quote)
    return Agreed(*[*facts[:-1], _terms(facts[-1])])


def as_quoted(request: RenderRequest, asked: Mapping[str, Any]) -> RenderRequest:
    """The request, held to its quote. Raises RequestRefused when it differs from that, or the quote is too old."""
    agreed = read_quote(request.workspace, asked["quote"])
    said = {"model": agreed.model, "routing": agreed.routing, "takes": agreed.takes}
    if not agreed.fallback:
        said["fallback"] = False  # to stay although it might have moved on asks for less than was quoted
    for name, value in said.items():
        if asked.get(name, value) != value:
            found = f"The quote was for {name} {value!r}, and the request says {asked[name]!r}."
            raise RequestRefused(name, "quote_differs", found, "Leave it out, or ask for another quote.")
    if agreed.test != request.test:
        raise RequestRefused("quote", "quote_differs", _other_kind(test=agreed.test), ASK_AGAIN)
    if (request.voice.duration_ms or 0) > agreed.voice_ms:
        found = f"The quote was for {agreed.voice_ms / 1000:g} s of voice; this one is longer."
        raise RequestRefused("voice", "quote_differs", found, ASK_AGAIN)
    return replace(
        request,
        model=agreed.model,
        routing=agreed.routing,
        fallback=bool(asked.get("fallback", agreed.fallback)),
        options=dict(request.options) | {"takes": agreed.takes},
        max_amount_micros=_least(agreed.ceiling_micros, request.max_amount_micros),
        terms=agreed.terms,
    )


def as_shown(request: RenderRequest, quote: str) -> RenderRequest:
    """A page's request, held to the price that stood there; as it is when the page showed none, or it has expired.

    Then the amount that the page showed still is the most that we hold.
    """
    takes = request.options.get("takes", DEFAULTS["takes"])
    asked = {
        "quote": quote,
        "model": request.model,
        "routing": request.routing,
        "takes": takes,
        "fallback": request.fallback,
    }
    try:
        held = as_quoted(request, asked)
    except RequestRefused:
        return request
    return held if held.terms and held.terms.chain else request


# --- Batches ----------------------------------------------------------------------------------------------------------


def sign_batch_quote(
    workspace: Workspace, requests: Sequence[RenderRequest], quotes: Sequence[Quote]
) -> tuple[str, datetime]:
    """As ``sign_quote``, of many: the different terms once each, and of which each item is."""
    terms = list(dict.fromkeys(quote.terms for quote in quotes))
    which = [terms.index(quote.terms) for quote in quotes]
    ceiling = sum(quote.ceiling_micros for quote in quotes) + speech_micros(requests)
    return _sign(BATCH_PREFIX, workspace, [_digest(requests), ceiling, [astuple(each) for each in terms], which])


def as_quoted_batch(
    workspace: Workspace, requests: Sequence[RenderRequest], quote: str, most: int | None
) -> tuple[list[RenderRequest], int]:
    """The requests, held to their quote, and the most that they may cost together. Raises RequestRefused."""
    digest, ceiling, terms, which = _read(BATCH_PREFIX, workspace, quote)
    if digest != _digest(requests):
        found = "The items are not those that were quoted, in their order."
        raise RequestRefused("items", "quote_differs", found, "Send what was quoted, or ask for another quote.")
    known = [_terms(each) for each in terms]
    held = [replace(request, terms=known[number]) for request, number in zip(requests, which, strict=True)]
    return held, _least(ceiling, most)


def _digest(requests: Sequence[RenderRequest]) -> str:
    """Of what bears on the price, item by item."""
    told = [
        (
            *(request.voice_key, request.model, request.routing, request.fallback, request.test),
            request.options.get("content_check", DEFAULTS["content_check"]),
        )
        for request in requests
    ]
    return sha256(json.dumps(told).encode()).hexdigest()


# --- Signature --------------------------------------------------------------------------------------------------------


def _sign(prefix: str, workspace: Workspace, facts: Sequence[Any]) -> tuple[str, datetime]:
    ends = timezone.now() + LIFE
    told = [workspace.pk, int(ends.timestamp()), *facts]
    return prefix + signing.dumps(told, salt=SALT + prefix, compress=True), ends


def _read(prefix: str, workspace: Workspace, quote: str) -> list[Any]:
    try:
        owner, ends, *facts = signing.loads(quote.removeprefix(prefix), salt=SALT + prefix)
    except (signing.BadSignature, ValueError):
        owner, ends, facts = None, 0, []
    if owner != workspace.pk:
        raise RequestRefused("quote", "no_such_quote", "This is no quote of this workspace.", ASK_AGAIN)
    if ends <= timezone.now().timestamp():
        raise RequestRefused("quote", "quote_expired", "This quote has expired.", ASK_AGAIN)
    return list(facts)


def _terms(read: Sequence[Any]) -> Terms:
    chain, why = read
    return Terms(tuple((offer, price) for offer, price in chain), why)


def _other_kind(*, test: bool) -> str:
    asked, used = ("a test token", "a live one") if test else ("a live token", "a test one")
    return f"The quote was asked for with {asked}, and this is {used}."


def _least(ceiling: int, allowed: int | None) -> int:
    return ceiling if allowed is None else min(ceiling, allowed)
