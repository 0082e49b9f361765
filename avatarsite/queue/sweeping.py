"""Acting on many rows, so that what is wrong with one keeps none of the others from its turn, and is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from traceback import format_exception
from typing import TypeVar

from django.db import connection, models, transaction

from avatarsite.alerts import close_alert, raise_alert
from avatarsite.models import Alert

KIND = "not_done"
MESSAGE_KEPT, TRACE_KEPT, KEY_LENGTH = 1_000, 4_000, 200
T = TypeVar("T")
R = TypeVar("R")
Tell = Callable[[str, object, Exception], None]


def each(rows: Iterable[T], act: Callable[[T], R], what: str, tell: Tell | None = None) -> list[R]:
    """What ``act`` gave for each row that it could be done for.

    For any other there is an alert, one for each ``what`` and row, that closes when the same can be done again. Within
    a transaction nothing of a row that failed is kept, and the transaction goes on.
    """
    done: list[R] = []
    told: set[str] | None = None
    for row in rows:
        told = _told(what) if told is None else told
        with contained(what, row, tell):
            done.append(act(row))
            if (key := _key(what, row)) in told:
                close_alert(KIND, key)
    return done


def run_clauses(clauses: Mapping[str, Callable[[], int]], what: str) -> dict[str, int]:
    """How many rows each clause of a sweep found; one that can't be run is left out, and is an alert."""
    return dict(each(clauses.items(), lambda clause: (clause[0], clause[1]()), what))


@contextmanager
def contained(what: str, thing: object, tell: Tell | None = None, *, savepoint: bool = True) -> Iterator[None]:
    """An end to whatever the block raises: an alert that names ``thing`` instead, or what ``tell`` makes of it.

    Without ``savepoint`` the block is in no transaction of ours: it asks somebody else over the network.
    """
    try:
        # On PostgreSQL a transaction is lost with its first error, unless that was within a savepoint.
        with transaction.atomic() if savepoint and connection.in_atomic_block else nullcontext():
            yield
    except Exception as error:  # noqa: BLE001 -- whatever it was, the others are not to blame
        (tell or tell_failure)(what, thing, error)


def tell_failure(what: str, thing: object, error: Exception) -> None:
    """The alert alone, for whoever has caught the exception."""
    name, why = named(thing), f"{type(error).__name__}: {error}"
    message = _storable(f"{what}: this could not be done for {name}; all else was. {why}"[:MESSAGE_KEPT])
    trace = _storable("".join(format_exception(error))[-TRACE_KEPT:])
    raise_alert(KIND, _key(what, thing), message, thing=_storable(name), trace=trace)


def named(thing: object) -> str:
    """What an operator can look for: a row's kind and id, a clause's name, of several things the first."""
    if isinstance(thing, models.Model):
        return f"{thing._meta.verbose_name} {thing.pk}"  # noqa: SLF001 -- documented by Django
    return named(thing[0]) if isinstance(thing, tuple) else str(thing)


def _key(what: str, thing: object) -> str:
    return _storable(f"{what}: {named(thing)}"[:KEY_LENGTH])


def _told(what: str) -> set[str]:
    known = Alert.objects.filter(kind=KIND, closed_at=None, key__startswith=f"{what}: ")
    return set(known.values_list("key", flat=True))


def _storable(text: str) -> str:
    """What made a row fail may be the very thing that no database keeps: NUL, and halves of characters."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
