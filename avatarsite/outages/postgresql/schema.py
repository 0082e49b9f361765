"""Schema editor that never makes a running site wait for its turn at a table."""

from __future__ import annotations

from typing import Self

from django.db.backends.postgresql.schema import DatabaseSchemaEditor

LOCK_SECONDS = 2


class PatientSchemaEditor(DatabaseSchemaEditor):
    """Who waits for a lock on a table makes all who come later wait too, so it gives up soon: ``migrate`` tries again.

    What is not atomic (``AddIndexConcurrently``) waits without keeping anybody from anything.
    """

    def __enter__(self) -> Self:
        super().__enter__()
        if self.atomic_migration and not self.collect_sql:
            self.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
        return self
