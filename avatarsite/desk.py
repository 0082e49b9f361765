"""First page and search of the admin site, as registries: what waits for a person, how all stands, what is where.

Each room registers its own by the config of its app, as it does tasks; the admin site asks and shows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Model
from django.utils import timezone
from django.utils.timesince import timesince


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many things wait for somebody to act; ``note`` is the one thing to know of them, such as until when."""

    count: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """A count that leads to the list of what it counts. Who may not see the ``model`` doesn't see it.

    A ``query`` that begins with # is the place on the first page itself that shows what is counted.
    """

    title: str
    model: str
    query: str
    ask: Callable[[], Waiting]


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of the page below the cards: ``template`` shows what ``ask`` gives, as ``panel``."""

    title: str
    model: str
    template: str
    ask: Callable[[], Any]


cards: list[Card] = []
panels: list[Panel] = []


def register_card(title: str, *, model: str, query: str, ask: Callable[[], Waiting]) -> None:
    """``query`` is that of the model's list, so that it shows what is counted, or ``#`` and a panel's title."""
    cards.append(Card(title, model, query, ask))


def register_panel(title: str, *, model: str, template: str, ask: Callable[[], Any]) -> None:
    panels.append(Panel(title, model, template, ask))


def age_of(moment: datetime) -> str:
    """How long ago it was, in its greatest unit."""
    now = timezone.now()
    return timesince(moment, now, depth=1) if now - moment >= timedelta(minutes=1) else "under a minute"


@dataclass(frozen=True, slots=True)
class Finder:
    """How the one search finds rows of the ``model``. A query of the ``shape`` asks only such."""

    model: str
    find: Callable[[str], Iterable[Model]]
    shape: re.Pattern[str] | None


finders: list[Finder] = []
hints: dict[str, list[Callable[[Any], str]]] = {}


def register_search(model: str, find: Callable[[str], Iterable[Model]], *, shape: str = "") -> None:
    """``find`` is given what somebody typed, trimmed. Of an identifier, the first that finds anything has it."""
    finders.append(Finder(model, find, re.compile(shape, re.IGNORECASE) if shape else None))


def register_hint(model: str, tell: Callable[[Any], str]) -> None:
    """What the search shows beside a row of the ``model``, to tell several of one name apart; "" for nothing."""
    hints.setdefault(model, []).append(tell)
