"""Statements that go out without waiting for each other: on PostgreSQL as on SQLite, what is wrong is never missed."""

from __future__ import annotations

import psycopg
import pytest
from django.db import DataError, IntegrityError, close_old_connections, connection, transaction

from avatarsite.db import raw
from avatarsite.db.compiled import Compiled, Given, add
from studio.models import OfferHealth

pytestmark = pytest.mark.django_db(transaction=True)
on_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no server")
BY_OFFER = Compiled(lambda: OfferHealth.objects.filter(offer=Given("offer")))


def health(offer: str, failures: int = 1) -> OfferHealth:
    return OfferHealth(offer=offer, failures=failures)


def known() -> dict[str, int]:
    return dict(OfferHealth.objects.values_list("offer", "failures"))


def test_what_is_asked_together_is_read_in_any_order() -> None:
    with transaction.atomic(), raw.pipelined():
        add(health("a:1"))
        first, second = BY_OFFER.ask(offer="a:1"), BY_OFFER.ask(offer="a:2")
        add(health("a:2", failures=2))
        third = BY_OFFER.ask(offer="a:2")
        assert [one.failures for one in third.all()] == [2]
        assert second.all() == []
    assert [one.failures for one in first.all()] == [1]


def test_one_session_keeps_its_answers_apart() -> None:
    add(health("a:1"))
    with raw.atomically() as sql, raw.pipelined():
        changed = sql.ask("UPDATE studio_offerhealth SET failures = failures + %s RETURNING failures", [6])
        again = sql.run("UPDATE studio_offerhealth SET failures = failures + %s RETURNING offer, failures", [1])
        assert (changed.rows(), again) == ([(7,)], [("a:1", 8)])
        assert sql.change("UPDATE studio_offerhealth SET failures = %s", [0]) == 1


def test_what_is_undone_by_itself_leaves_the_rest() -> None:
    with transaction.atomic():
        add(health("a:1"))
        with pytest.raises(IntegrityError), raw.atomically(), raw.pipelined():  # noqa: PT012 -- the block is tested
            add(health("a:2"))
            add(health("a:1", failures=9))
            BY_OFFER.all(offer="a:2")
        add(health("a:3"))
    assert known() == {"a:1": 1, "a:3": 1}


def test_an_error_within_leaves_the_connection_as_it_was() -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic(), raw.pipelined():  # noqa: PT012 -- the block is tested
        add(health("a:1"))
        raise ZeroDivisionError
    assert known() == {}


def test_what_nobody_has_read_is_raised_before_the_commit() -> None:
    hooks: list[str] = []
    with pytest.raises(IntegrityError), transaction.atomic():  # noqa: PT012 -- the transaction is what is tested
        transaction.on_commit(lambda: hooks.append("committed"))
        with raw.pipelined():
            add(health("a:1"))
            add(health("a:1", failures=9))
    assert (known(), hooks) == ({}, [])


@on_postgresql
def test_what_fails_outside_a_transaction_leaves_nothing_behind() -> None:
    """psycopg takes for prepared what the server has skipped after an error."""
    connection.close()
    connection.ensure_connection()
    for _ in range(connection.connection.prepare_threshold):
        BY_OFFER.all(offer="a:1")
    with pytest.raises(DataError), raw.pipelined():  # noqa: PT012 -- the block is tested
        raw.Session().ask("SELECT 1 / %s", [0])
        BY_OFFER.ask(offer="a:1")
    assert [BY_OFFER.all(offer="a:1") for _ in range(2)] == [[], []]


@on_postgresql
def test_a_connection_that_ended_while_it_was_idle_is_made_anew() -> None:
    connection.ensure_connection()
    known = connection.get_connection_params()
    place = {name: known[name] for name in ("host", "port", "user", "dbname")}
    with psycopg.connect(**place, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.connection.info.backend_pid])
    connection.health_check_enabled, connection.health_check_done = True, False  # as the next request begins
    assert BY_OFFER.all(offer="a:1") == []
    close_old_connections()
