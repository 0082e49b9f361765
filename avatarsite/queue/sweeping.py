"""The sweep: finds whatever is due or was dropped; and acting on many rows, so that the fault of one stops no other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta
from functools import partial
from traceback import format_exception
from typing import Any, TypeVar

from django.db import connection, models, transaction
from django.db.models import QuerySet
from django.utils import timezone

from avatarsite.alerts import close_alert, raise_alert
from avatarsite.models import Alert
from avatarsite.queue import due_rows, jobs
from avatarsite.queue.clock import mind_the_clock, untold_steps
from avatarsite.queue.due_rows import Clause, Kind

logger = logging.getLogger(__name__)

BATCH = 200  # rows of each kind in one sweep
KIND = "not_done"
STEPPED = "clock_stepped"
MESSAGE_KEPT, TRACE_KEPT, KEY_LENGTH = 1_000, 4_000, 200
T = TypeVar("T")
R = TypeVar("R")
Tell = Callable[[str, object, Exception], None]


def sweep() -> dict[str, int]:
    """Do all that the apps have registered; returns how many rows were found, by name. Safe to repeat, and at once.

    Queueing goes first and work of its own last, which may take long.
    """
    _mind_the_clock()
    ordered = sorted(due_rows.kinds.values(), key=lambda kind: kind.act is not None)
    steps: dict[str, Clause] = {**due_rows.clauses}
    steps |= {kind.name: partial(_queue_apart if kind.apart else sweep_kind, kind.name) for kind in ordered}
    found = dict(each(steps.items(), lambda step: (step[0], step[1]()), "The sweep"))
    if sum(found.values()):
        logger.info("sweep: %s", ", ".join(f"{name} {count}" for name, count in found.items() if count))
    return found


def _mind_the_clock() -> None:
    """Before anything counts as due; whatever process has noticed a step, it is told here."""
    mind_the_clock()
    for host, seconds in untold_steps().items():
        told = f"The clock of a host was set by {seconds} seconds, or it slept."
        raise_alert(STEPPED, host, told)


def sweep_kind(name: str) -> int:
    """Queue or do what is to be done about the due rows of one kind; returns for how many."""
    kind = due_rows.kinds[name]
    if kind.act:
        return sum(done is not False for done in each(kind.due()[:BATCH], kind.act, kind.what))
    return _nudge(kind, kind.due())


def _queue_apart(name: str) -> int:
    if not (due := due_rows.kinds[name].due()[:BATCH].count()):
        return 0
    jobs.enqueue("avatarsite.sweep_kind", kind=name)
    return due


def nudge_prompt(since: datetime, now: datetime) -> None:
    """Queue what is prompt and has fallen due between two looks of the watch; the sweep finds what it did not see."""
    each(_prompt(), lambda kind: _nudge(kind, kind.between(since, now)), "Queueing what is due")


def is_due_soon(within: timedelta) -> bool:
    """Whether anything is to be queued promptly within this time."""
    now = timezone.now()
    return any(each(_prompt(), lambda kind: kind.between(now, now + within).exists(), "Looking for what is due"))


def _prompt() -> list[Kind]:
    return [kind for kind in due_rows.kinds.values() if kind.prompt]


def _nudge(kind: Kind, due: QuerySet[Any]) -> int:
    keys = list(due.values_list(kind.key, flat=True)[:BATCH])
    if kind.argument:
        for key in keys:
            jobs.enqueue(kind.task, **{kind.argument: key})
    elif kind.task and keys:
        jobs.enqueue(kind.task)
    return len(keys)


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
