"""Tables of a backup: all rows as they were at one moment, and back into a database that has none.

PostgreSQL's by COPY, which needs no program of its version; SQLite's file by its own way to copy it.
"""

from __future__ import annotations

import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any

from django.apps import apps
from django.core.management.color import no_style
from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder

from studio.backup.archive import IN_MEMORY, BackupRefused, add

FOLDER, FILE = "database/", "database.sqlite3"
# What says who is at work now, and the nudges: rows that are due are found by the sweep.
LEFT_OUT = frozenset({"django_migrations", "django_q_ormq", "site_lease", "site_canary"})
COLUMNS = """
SELECT column_name FROM information_schema.columns
WHERE table_schema = current_schema() AND table_name = %s AND is_generated = 'NEVER' ORDER BY ordinal_position
"""


def migrations() -> list[str]:
    return sorted(f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations())


@contextmanager
def snapshot() -> Iterator[None]:
    """All that is read within is of one moment."""
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def dump(archive: tarfile.TarFile) -> None:
    """Within a snapshot."""
    if connection.vendor == "sqlite":
        _dump_file(archive)
        return
    for table in _tables():
        with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as kept:
            with connection.cursor() as cursor, cursor.copy(f"COPY {_spelt(table)} TO STDOUT") as rows:
                for chunk in rows:
                    kept.write(chunk)
            add(archive, f"{FOLDER}{table}", kept)


def load_file(content: IO[bytes]) -> None:
    """SQLite's: into the file as it is, also while others have it open."""
    with tempfile.NamedTemporaryFile() as copy:
        copy.write(content.read())
        copy.flush()
        connection.ensure_connection()
        with closing(sqlite3.connect(copy.name)) as source:
            source.backup(connection.connection)


def load_table(table: str, content: IO[bytes]) -> None:
    """PostgreSQL's, within one transaction for all of them: what rows name may come later."""
    if table not in _tables():
        raise BackupRefused("backup_unreadable", f"The backup has a table {table}, which there is not here.")
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")  # noqa: S608 -- what migrations have filled  # nosec B608
        with cursor.copy(f"COPY {_spelt(table)} FROM STDIN") as rows:
            while chunk := content.read(1 << 20):
                rows.write(chunk)


def reset_sequences() -> None:
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(
            no_style(), list(apps.get_models(include_auto_created=True))
        ):
            cursor.execute(statement)


def check_empty() -> None:
    """Raises BackupRefused unless the house was migrated and nothing else."""
    for model in (apps.get_model("workspaces.User"), apps.get_model("billing.Price"), apps.get_model("studio.Render")):
        if model._default_manager.exists():  # noqa: SLF001 -- Django's documented name
            told = f"This house has {model._meta.verbose_name_plural} already."  # noqa: SLF001
            remedy = "Restore into a new database after `manage.py migrate` alone."
            raise BackupRefused("not_empty", told, remedy=remedy)


def _dump_file(archive: tarfile.TarFile) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / FILE
        source: Any = connection.connection
        with closing(sqlite3.connect(connection.settings_dict["NAME"])) as own, closing(sqlite3.connect(path)) as copy:
            assert source is not None  # noqa: S101 -- within a snapshot
            own.backup(copy)
        with path.open("rb") as content:
            add(archive, FILE, content)


def _tables() -> list[str]:
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    return sorted(set(names) - LEFT_OUT)


def _spelt(table: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(COLUMNS, [table])
        columns = ", ".join(connection.ops.quote_name(name) for (name,) in cursor.fetchall())
    return f"{connection.ops.quote_name(table)} ({columns})"
