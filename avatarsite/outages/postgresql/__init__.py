"""Django's PostgreSQL backend, but for one thing: no new connection to a server that is known to be silent."""
