"""Outages: a part that is away stops only what needs it, and says so at once.

``breaker`` remembers that a part is away, ``cache`` counts locally while the shared cache is, ``database`` ends
requests that wait for a PostgreSQL which has stopped answering, ``disk`` knows a full one, ``answers`` makes of each a
503 with ``Retry-After``.
"""
