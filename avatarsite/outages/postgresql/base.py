from __future__ import annotations

import select
from typing import Any

from django.db.backends.postgresql.base import DatabaseWrapper as PostgreSQL

from avatarsite.outages.database import DatabaseSilent, breaker
from avatarsite.outages.postgresql.schema import PatientSchemaEditor


class DatabaseWrapper(PostgreSQL):
    SchemaEditorClass = PatientSchemaEditor

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Raises DatabaseSilent at once where the driver would wait for two seconds at least."""
        if breaker.is_away:
            raise DatabaseSilent("The database does not answer.")
        return super().get_new_connection(conn_params)

    def is_usable(self) -> bool:
        """Whether the line is up, asked of the socket: on one that is, a server has nothing to say unasked.

        A question to the server before each task would be a tenth of all statements.
        """
        driver = self.connection
        if driver is None or driver.closed or self.errors_occurred:
            return bool(super().is_usable())
        line = select.poll()
        line.register(driver.fileno(), select.POLLIN)
        return not line.poll(0) or bool(super().is_usable())
