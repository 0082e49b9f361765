"""How a test with ``transaction=True`` leaves the database: empty, as by Django's ``flush`` at a twentieth of its cost.

``flush`` truncates every table and then makes all content types, permissions, roles and switches again. Those are the
site's, not the test's: they stay as migrating made them. Of the others only the tables that hold something are emptied.
"""

from __future__ import annotations

from functools import cache

from django.db import connection, transaction
from django.test import TransactionTestCase
from waffle.models import Switch

from avatarsite.service import switches
from tests.support.without_triggers import without_triggers

PRESERVED = {
    *("django_content_type", "django_migrations", "waffle_switch"),
    *("auth_permission", "auth_group", "auth_group_permissions"),
}


def empty_database(_case: TransactionTestCase) -> None:
    filled = " UNION ALL ".join(f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {table})" for table in _tables())
    with connection.cursor() as cursor:
        cursor.execute(filled)
        tables = [table for (table,) in cursor.fetchall()]
        if tables:
            with without_triggers(), transaction.atomic():
                for table in tables:
                    cursor.execute(f"DELETE FROM {table}")
    _turn_switches_back()


def _turn_switches_back() -> None:
    made = {(name, True, note) for name, note in switches.SWITCHES.items()}
    if set(Switch.objects.values_list("name", "active", "note")) != made:
        Switch.objects.all().delete()
        switches.create_missing()


@cache
def _tables() -> list[str]:
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    return sorted(set(tables) - PRESERVED)
