"""How a test with ``transaction=True`` leaves the database: empty, as by Django's ``flush`` at a twentieth of its cost.

``flush`` truncates every table and then makes all content types, permissions and roles again. Those are the site's, not
the test's: they stay, and of the others only the tables that hold something are emptied.
"""

from __future__ import annotations

from functools import cache

from django.db import connection, transaction
from django.test import TransactionTestCase

from tests.support.without_triggers import without_triggers

PRESERVED = {"django_content_type", "django_migrations", "auth_permission", "auth_group", "auth_group_permissions"}


def empty_database(_case: TransactionTestCase) -> None:
    filled = " UNION ALL ".join(f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {table})" for table in _tables())
    with connection.cursor() as cursor:
        cursor.execute(filled)
        tables = [table for (table,) in cursor.fetchall()]
        if tables:
            with without_triggers(), transaction.atomic():
                for table in tables:
                    cursor.execute(f"DELETE FROM {table}")


@cache
def _tables() -> list[str]:
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    return sorted(set(tables) - PRESERVED)
