from __future__ import annotations

from typing import Any

from django.db.backends.postgresql.base import DatabaseWrapper as PostgreSQL

from avatarsite.outages.database import DatabaseSilent, breaker


class DatabaseWrapper(PostgreSQL):
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Raises DatabaseSilent at once where the driver would wait for two seconds at least."""
        if breaker.is_away:
            raise DatabaseSilent("The database does not answer.")
        return super().get_new_connection(conn_params)
