"""The tests that are about the database, on a real PostgreSQL: ``python -m tests.support.on_postgres``."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.support.servers import postgres_server

# What the providers do, and what a file becomes, does not depend on the database: those run on SQLite alone.
FOLDERS = [
    "tests/avatarsite/outages/test_database.py",
    "tests/avatarsite/db/test_raw.py",
    "tests/studio/api/test_draft_limits.py",
    "tests/billing",
    "tests/flows/test_whole_way.py",
    "tests/flows/test_killed.py",
    "tests/flows/test_offers.py",
    "tests/flows/test_health.py",
    "tests/flows/test_watch_rows.py",
    "tests/flows/test_places.py",
    "tests/flows/test_notices.py",
    "tests/studio/gateway/test_fuzz.py",
    "tests/studio/gateway/test_races.py",
    "tests/avatarsite/mail",
    "tests/avatarsite/queue/test_lease.py",
    "tests/avatarsite/outbox/test_events.py",
    "tests/avatarsite/outbox/test_processes.py",
    "tests/avatarsite/workspaces/test_races.py",
    "tests/avatarsite/workspaces/test_suspension.py",
    "tests/avatarsite/staff/test_lever_races.py",
    "tests/studio/pipeline/long",
    "tests/studio/pipeline/test_operator.py",
    "tests/studio/pipeline/test_operator_races.py",
]


def main() -> int:
    with postgres_server() as url:
        command = [sys.executable, "-m", "pytest", "-n", "3", "--dist", "loadgroup", "-m", "not browser", *FOLDERS]
        return subprocess.run([*command, *sys.argv[1:]], env=os.environ | {"DATABASE_URL": url}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
