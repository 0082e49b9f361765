"""``python -m tests.on_postgres``: the tests that are about the database, a second time on a real PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.servers import postgres_server

# What the providers do, and what a file becomes, does not depend on the database: those run on SQLite alone.
FOLDERS = [
    "tests/avatarsite/test_compiled.py",
    "tests/avatarsite/test_database_watch.py",
    "tests/avatarsite/test_rows.py",
    "tests/api/test_draft_limits.py",
    "tests/billing",
    "tests/flow/test_whole_way.py",
    "tests/flow/test_killed.py",
    "tests/flow/test_offers.py",
    "tests/flow/test_health.py",
    "tests/flow/test_watch_rows.py",
    "tests/flow/test_places.py",
    "tests/flow/test_notices.py",
    "tests/gateway/test_fuzz.py",
    "tests/gateway/test_races.py",
    "tests/mail",
    "tests/outbox/test_events.py",
    "tests/outbox/test_processes.py",
    "tests/workspaces/test_races.py",
]


def main() -> int:
    with postgres_server() as url:
        command = [sys.executable, "-m", "pytest", "-n", "3", "--dist", "loadgroup", "-m", "not browser", *FOLDERS]
        return subprocess.run([*command, *sys.argv[1:]], env=os.environ | {"DATABASE_URL": url}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
