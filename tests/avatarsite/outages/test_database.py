"""The thread that asks the database for signs of life: one a process, however many handlers of requests it makes."""

from __future__ import annotations

import threading

import pytest
from django.db import connection
from django.test import Client


@pytest.mark.django_db
def test_a_process_watches_its_database_by_one_thread() -> None:
    for _ in range(5):  # each has a chain of middleware of its own
        assert Client().get("/account/login/").status_code == 200
    watching = [thread.name for thread in threading.enumerate()].count("database-watch")
    assert watching == (1 if connection.vendor == "postgresql" else 0)
