"""The sanctioned ways round the ledger's protections, for tests that empty its tables or plant a corruption."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from avatarsite.audit.models import APPEND_ONLY as AUDIT
from avatarsite.db import append_only
from avatarsite.staff.models import APPEND_ONLY as NOTES
from billing.models.ledger import APPEND_ONLY as MONEY

EVERY = MONEY | AUDIT | NOTES


@contextmanager
def without_triggers() -> Iterator[None]:
    """Transfers and prices can be edited, deleted and truncated inside the block.

    PostgreSQL lets only a superuser set ``session_replication_role``, so a production role has no such way.
    """
    if connection.vendor == "sqlite":
        append_only.remove(connection, EVERY)
    else:
        run("SET session_replication_role = replica")
    yield
    if connection.vendor == "sqlite":
        append_only.install(connection, EVERY)
    else:
        run("SET session_replication_role = origin")


@contextmanager
def lawless(*unique_indexes: str) -> Iterator[None]:
    """As ``without_triggers``, without CHECKs or the unique indexes named; the test's own rollback brings them back."""
    for index in unique_indexes:
        run(f"DROP INDEX {index}")
    if connection.vendor == "sqlite":
        run("PRAGMA ignore_check_constraints = ON")
    else:
        run("SET CONSTRAINTS ALL IMMEDIATE")
        for table, constraint in checks():
            run(f'ALTER TABLE {table} DROP CONSTRAINT "{constraint}"')
    with without_triggers():
        yield
    if connection.vendor == "sqlite":
        run("PRAGMA ignore_check_constraints = OFF")


def checks() -> list[tuple[str, str]]:
    return run(
        "SELECT conrelid::regclass::text, conname FROM pg_constraint "
        "WHERE contype = 'c' AND conrelid::regclass::text LIKE 'billing_%'"
    )


def run(sql: str) -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else []
