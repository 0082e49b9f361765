"""/healthz says that a process lives, /readyz that a customer can be served, and why not."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from avatarsite.models import Canary
from avatarsite.monitoring import readiness
from avatarsite.outages.breaker import Breaker
from avatarsite.queue import jobs
from studio.storage.local import PrivateFiles
from tests.avatarsite.monitoring.test_standstill import living

pytestmark = pytest.mark.django_db
PARTS = ("database", "migrations", "queue", "clusters", "storage")


def ready(client: Client) -> tuple[int, list[str], list[str]]:
    """The status, what is failing, and the reasons."""
    answer = client.get("/readyz")
    said = answer.json()
    assert tuple(said["checks"]) == PARTS or said["checks"]["database"] == "failing"
    assert said["ready"] == (answer.status_code == 200)
    assert ("Retry-After" in answer) == (answer.status_code == 503)
    return answer.status_code, [part for part, word in said["checks"].items() if word != "ok"], said["reasons"]


def test_all_is_well(client: Client) -> None:
    living(*jobs.CLUSTERS)
    assert ready(client) == (200, [], [])
    assert client.get("/healthz").json() == {
        "status": "alive",
        "database": "ok",
        "clusters": {"main": "ok", "watch": "ok"},
    }


def test_a_silent_cluster_is_alive_and_not_ready(client: Client) -> None:
    living(jobs.MAIN)
    Canary.objects.update(stamped_at=timezone.now() - timedelta(seconds=90))
    status, failing, (reason,) = ready(client)
    assert (status, failing) == (503, ["clusters"])
    silent = r"The worker shows no sign of life: main is silent for (9|1\d)\d s, watch is not running\."
    assert re.fullmatch(silent, reason)
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()["clusters"]["watch"]) == (200, "not running")


def test_tasks_that_wait_for_long_are_told(client: Client) -> None:
    living(*jobs.CLUSTERS)
    for _ in range(3):
        jobs.enqueue("avatarsite.canary")
    assert ready(client)[0] == 200
    with connection.cursor() as cursor:
        cursor.execute("UPDATE django_q_ormq SET lock = %s", [timezone.now() - timedelta(minutes=7, seconds=5)])
    reason = "The queue does not move: 3 tasks wait for main, the oldest for 7 min."
    assert ready(client) == (503, ["queue"], [reason])
    with connection.cursor() as cursor:  # taken: they are at work
        cursor.execute("UPDATE django_q_ormq SET lock = %s", [timezone.now() + timedelta(minutes=7)])
    assert ready(client) == (200, [], [])


def test_a_migration_that_is_not_applied(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    living(*jobs.CLUSTERS)
    monkeypatch.setattr(readiness, "_migrated", False)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'mail'")
    reason = "Not applied: mail.0001_initial. Run manage.py migrate."
    assert ready(client) == (503, ["migrations"], [reason])


@pytest.mark.usefixtures("local_files")
def test_a_disk_that_is_full(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    living(*jobs.CLUSTERS)
    monkeypatch.setattr("studio.storage.local.MIN_FREE_BYTES", 1 << 80)
    status, failing, (reason,) = ready(client)
    assert (status, failing) == (503, ["storage"])
    assert reason.startswith("The disk of the stored files is full: less than ")


def test_a_folder_that_is_not_there_yet_is_made_later(tmp_path: Any) -> None:
    PrivateFiles(tmp_path / "not" / "there").knock()


def test_without_a_database_it_is_alive(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise OperationalError("away")

    monkeypatch.setattr(type(connection), "cursor", away, raising=False)
    Breaker.every["database"].trip("a test")
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "alive", "database": "unreachable"})
    assert ready(client) == (503, ["database"], ["The database does not answer."])
    Breaker.every["database"].reset()  # who cleans up after the test needs it
