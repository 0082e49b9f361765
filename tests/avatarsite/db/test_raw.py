"""Statements of our own do on PostgreSQL what they do on SQLite, and fail in Django's words."""

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import uuid4

import psycopg
import pytest
from django.db import IntegrityError, close_old_connections, connection, transaction
from django.utils import timezone

from avatarsite.db import raw
from avatarsite.db.raw import Session
from billing.models import Transfer, UsageDay
from studio.models import OfferHealth

pytestmark = pytest.mark.django_db(transaction=True)


def add(sql: Session, offer: str, failures: int = 1) -> None:
    values = [offer, failures, sql.stamp(timezone.now())]
    columns = "offer, failures, reason, off_sale_reason, changed_at"
    sql.change(f"INSERT INTO studio_offerhealth ({columns}) VALUES (%s, %s, '', '', %s)", values)


def known() -> dict[str, int]:
    return dict(OfferHealth.objects.values_list("offer", "failures"))


def test_a_statement_gives_its_rows_or_how_many_it_changed() -> None:
    with raw.atomically() as sql:
        add(sql, "a:1")
        again = sql.run("UPDATE studio_offerhealth SET failures = failures + %s RETURNING offer, failures", [7])
        assert again == [("a:1", 8)]
        assert sql.change("UPDATE studio_offerhealth SET failures = %s", [0]) == 1
        assert sql.change("UPDATE studio_offerhealth SET failures = %s WHERE offer = %s", [0, "a:2"]) == 0


def test_what_is_undone_by_itself_leaves_the_rest() -> None:
    with transaction.atomic():
        add(Session(), "a:1")
        with pytest.raises(IntegrityError), raw.atomically() as sql:  # noqa: PT012 -- the block is tested
            add(sql, "a:2")
            add(sql, "a:1", failures=9)
        add(Session(), "a:3")
    assert known() == {"a:1": 1, "a:3": 1}


def test_an_error_within_leaves_the_connection_as_it_was() -> None:
    hooks: list[str] = []
    with pytest.raises(ZeroDivisionError), raw.atomically() as sql:  # noqa: PT012 -- the block is tested
        transaction.on_commit(lambda: hooks.append("committed"))
        add(sql, "a:1")
        raise ZeroDivisionError
    assert (known(), hooks) == ({}, [])


def test_moments_days_and_identifiers_are_written_as_django_writes_them() -> None:
    sql, moment, day, journal = Session(), datetime(2026, 11, 28, 21, 5, 7, 12, UTC), date(2026, 11, 28), uuid4()
    add(sql, "a:1")
    sql.change("UPDATE studio_offerhealth SET open_until = %s", [sql.stamp(moment)])
    assert OfferHealth.objects.get(open_until=moment).open_until == moment
    for model, name, ours, value in (
        (UsageDay, "day", sql.day(day), day),
        (Transfer, "journal", sql.identifier(journal), journal),
    ):
        assert ours == model._meta.get_field(name).get_db_prep_value(value, connection)
    assert sql.stamp(None) is None


@pytest.mark.postgresql
def test_a_connection_that_ended_while_it_was_idle_is_made_anew() -> None:
    connection.ensure_connection()
    known = connection.get_connection_params()
    place = {name: known[name] for name in ("host", "port", "user", "dbname")}
    with psycopg.connect(**place, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.connection.info.backend_pid])
    close_old_connections()  # as the next request begins
    assert Session().run("SELECT offer FROM studio_offerhealth") == []
    close_old_connections()
