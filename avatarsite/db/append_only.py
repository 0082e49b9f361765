"""Append-only tables: triggers on SQLite and PostgreSQL alike. ``tables`` names each, and what its rows are called.

A migration that alters one of these tables must call ``install`` again at its end: on SQLite altering a table means
making it anew, and the triggers go with the old one. ``verify_ledger`` reports a missing trigger.

There is no way round them in the product. Tests that must empty or spoil the tables use
``tests/support/without_triggers.py``: it drops the triggers on SQLite, and on PostgreSQL sets
``session_replication_role``, which only a superuser may and which a production role therefore can't.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

from django.db.migrations import RunPython

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor

Tables: TypeAlias = "Mapping[str, str]"

_SQLITE = """
CREATE TRIGGER {table}_no_{event} BEFORE {EVENT} ON {table}
BEGIN SELECT RAISE(ABORT, '{things} are append-only: post a correction instead'); END
"""
_POSTGRES_FUNCTION = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: post a correction instead', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$
"""
_POSTGRES_ROW = """
CREATE TRIGGER {table}_no_edit BEFORE UPDATE OR DELETE ON {table}
FOR EACH ROW EXECUTE FUNCTION refuse_change()
"""
_POSTGRES_TABLE = """
CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""


def names(connection: BaseDatabaseWrapper, tables: Tables) -> dict[str, str]:
    """Each trigger that must exist and the table that it guards."""
    endings = ("no_update", "no_delete") if connection.vendor == "sqlite" else ("no_edit", "no_truncate")
    return {f"{table}_{ending}": table for table in tables for ending in endings}


def missing(connection: BaseDatabaseWrapper, tables: Tables) -> list[str]:
    """The triggers that are not there, or are there but switched off."""
    there = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'",
    }[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(there)
        found = {name for (name,) in cursor.fetchall()}
    return sorted(set(names(connection, tables)) - found)


def install(connection: BaseDatabaseWrapper, tables: Tables) -> None:
    remove(connection, tables)
    if connection.vendor == "sqlite":
        statements = [
            _SQLITE.format(table=table, things=things, event=event, EVENT=event.upper())
            for table, things in tables.items()
            for event in ("update", "delete")
        ]
    else:
        statements = [_POSTGRES_FUNCTION]
        statements += [text.format(table=table) for table in tables for text in (_POSTGRES_ROW, _POSTGRES_TABLE)]
    _run(connection, statements)


def remove(connection: BaseDatabaseWrapper, tables: Tables) -> None:
    on_table = connection.vendor == "postgresql"
    guards = names(connection, tables).items()
    _run(connection, [f"DROP TRIGGER IF EXISTS {name}" + f" ON {table}" * on_table for name, table in guards])


def operation(tables: Tables) -> RunPython:
    """The step of a migration that guards ``tables``, and the way back."""

    def forwards(_apps: object, editor: BaseDatabaseSchemaEditor) -> None:
        install(editor.connection, tables)

    def backwards(_apps: object, editor: BaseDatabaseSchemaEditor) -> None:
        remove(editor.connection, tables)

    return RunPython(forwards, backwards)


def _run(connection: BaseDatabaseWrapper, statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
