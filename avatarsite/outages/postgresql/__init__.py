"""Django's PostgreSQL backend, but for two things: no new connection to a silent server, and patient migrations."""
