"""The real column: PostgreSQL, Valkey and a bucket, started for one command and ended with it.

``python -m tests.support.real`` runs the tests that depend on the engine, ``… --rest`` the others but those that start
processes, ``… tests/billing -k hold`` any there, ``… --run manage.py demo`` Python with whatever follows.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.servers import postgres_server, s3_server, valkey_server

# Where the engine decides: what waits for what, who is first, how files come and go. What the providers do, what a
# file becomes and how a page looks is the same on both, and ``make test-real`` runs that, too.
DIFFERS = [
    "tests/avatarsite/outages/test_database.py",
    "tests/avatarsite/db",
    "tests/avatarsite/test_limits.py",
    "tests/studio/api/test_draft_limits.py",
    "tests/studio/api/test_listing.py",
    "tests/avatarsite/workspaces/test_tokens.py",
    "tests/billing/budgets",
    "tests/billing/holds",
    "tests/billing/ledger",
    "tests/billing/promotions",
    "tests/billing/reports",
    "tests/billing/stateful",
    "tests/billing/statements",
    "tests/billing/stripe",
    "tests/billing/topups",
    "tests/billing/usage",
    "tests/billing/verify",
    "tests/flows/test_whole_way.py",
    "tests/flows/test_killed.py",
    "tests/flows/test_health.py",
    "tests/flows/test_watch_rows.py",
    "tests/flows/test_places.py",
    "tests/flows/test_notices.py",
    "tests/studio/gateway/test_fuzz.py",
    "tests/studio/gateway/test_races.py",
    "tests/avatarsite/mail",
    "tests/avatarsite/queue/test_lease.py",
    "tests/avatarsite/queue/test_schedules.py",
    "tests/avatarsite/outbox/test_events.py",
    "tests/avatarsite/outbox/test_processes.py",
    "tests/avatarsite/workspaces/test_races.py",
    "tests/avatarsite/workspaces/test_suspension.py",
    "tests/avatarsite/staff/test_lever_races.py",
    "tests/studio/media/test_draft_job.py",
    "tests/studio/pipeline/long",
    "tests/studio/pipeline/test_incoming_file.py",
    "tests/studio/pipeline/test_hosts.py",
    "tests/studio/pipeline/test_operator.py",
    "tests/studio/pipeline/test_operator_races.py",
    "tests/studio/storage",
    "tests/studio/uploads/test_add.py",
    "tests/studio/uploads/test_crops.py",
    "tests/studio/uploads/test_thumbnails.py",
    "tests/studio/views/test_files.py",
]
# Of what goes on by chance, a part; ``make test-real`` has all of it.
LESS_BY_CHANCE = {"LEDGER_STEPS": "2000"}
# Nothing there (but what is named above) asks a database, a cache or a bucket: it would be the same tests again.
NO_ENGINE = ["tests/simulators", "tests/studio/media"]
REST = ["tests", "-m", "not process and not browser", *(f"--ignore={path}" for path in DIFFERS + NO_ENGINE)]


@contextmanager
def real_parts() -> Iterator[dict[str, str]]:
    """One of each, empty; gives the variables of a site on them."""
    with postgres_server() as database, valkey_server() as cache, s3_server() as bucket:
        yield {"DATABASE_URL": database, "REDIS_URL": cache, **bucket.environment}


def main(arguments: list[str]) -> int:
    environment = dict(os.environ)
    if arguments[:1] == ["--run"]:
        command = [sys.executable, *arguments[1:]]
    else:
        given = [*arguments[1:], *REST] if arguments[:1] == ["--rest"] else arguments
        if all(word.startswith("-") for word in given):
            given, environment = [*given, *DIFFERS], LESS_BY_CHANCE | environment
        command = [sys.executable, "-m", "pytest", "-n", "3", "--dist", "loadgroup", *given]
    with real_parts() as variables:
        process = subprocess.Popen(command, env=environment | variables)
        # Ctrl-C reaches the command by itself, and the parts stay until it has ended.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        return process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
