"""Ageing: what waits looks as if it had waited for longer, so that leases and deadlines of hours pass in seconds.

Only the rows are moved. No clock is: the site sees one that is set, and moves what waits along with it.
"""

from __future__ import annotations

import psycopg

STATEMENTS = (
    "UPDATE studio_render SET deadline_at = deadline_at - %(by)s WHERE deadline_at IS NOT NULL",
    (
        "UPDATE studio_render SET next_try_at = next_try_at - %(by)s, state_since = state_since - %(by)s"
        " WHERE next_try_at IS NOT NULL"
    ),
    (
        "UPDATE studio_providerjob SET sent_at = sent_at - %(by)s, accepted_at = accepted_at - %(by)s"
        " WHERE finished_at IS NULL"
    ),
    (
        "UPDATE studio_providerjob SET handle = jsonb_set(handle, '{accepted_at}',"
        " to_jsonb((handle->>'accepted_at')::numeric - extract(epoch FROM %(by)s)))"
        " WHERE finished_at IS NULL AND handle ? 'accepted_at'"
    ),
    "UPDATE studio_offerhealth SET open_until = open_until - %(by)s WHERE open_until IS NOT NULL",
    "UPDATE inbox_inboundevent SET next_try_at = next_try_at - %(by)s WHERE next_try_at IS NOT NULL",
    "UPDATE site_lease SET expires_at = expires_at - %(by)s WHERE handover = '{}'",
    "UPDATE django_q_schedule SET next_run = next_run - %(by)s",
)


def age(address: str, seconds: float) -> None:
    """All in one transaction, as if ``seconds`` had passed for whoever waits."""
    with psycopg.connect(address) as database:
        for statement in STATEMENTS:
            database.execute(statement.replace("%(by)s", f"make_interval(secs => {seconds:f})").encode())
