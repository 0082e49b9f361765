"""``python -m tests.on_postgres``: the tests that are about the database, a second time on a real PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.servers import postgres_server

FOLDERS = ["tests/billing", "tests/flow", "tests/workspaces/test_races.py"]


def main() -> int:
    with postgres_server() as url:
        command = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadgroup", "-m", "not browser", *FOLDERS]
        return subprocess.run([*command, *sys.argv[1:]], env=os.environ | {"DATABASE_URL": url}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
