"""A release that migrates under load, while somebody reads a table for long: no request to the one before fails."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from subprocess import Popen

import psycopg
import pytest

from tests.deploy.machines import running, under_load
from tests.support.paths import ROOT
from tests.support.servers import postgres_server
from tests.support.until import until

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("deploying")]

SLOWEST = 20.0  # two seconds are those that a migration waits before it gives way
NEXT_SETTINGS = """
from avatarsite.settings import *
MIGRATION_MODULES = {"studio": "next_release.studio"}
"""
ADDED = """
from django.db import migrations, models
class Migration(migrations.Migration):
    dependencies = [("studio", "LAST")]
    operations = [migrations.AddField("render", "colour", models.CharField(max_length=8, db_default=""))]
"""
INDEXED = """
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
class Migration(migrations.Migration):
    atomic = False
    dependencies = [("studio", "9001_added")]
    operations = [AddIndexConcurrently("render", models.Index(fields=["colour"], name="by_colour"))]
"""
FILLED = "SELECT count(*) FROM pg_indexes WHERE indexname = 'by_colour'"


@pytest.mark.postgresql
def test_on_the_real_column(tmp_path: Path) -> None:
    migrates_under_load(tmp_path, None)


@pytest.mark.sqlite
def test_on_a_server_of_its_own(tmp_path: Path) -> None:
    with postgres_server() as server:
        migrates_under_load(tmp_path, server)


def migrates_under_load(folder: Path, server: str | None) -> None:
    (folder / "site").mkdir()
    with running(folder / "site", server) as (machine, alice), under_load(machine, alice) as load:
        until(lambda: len(load.answered) == 3, 60)
        with psycopg.connect(machine.site.environment["DATABASE_URL"]) as reader:
            reader.execute("SELECT count(*) FROM studio_render")  # and keeps its lock until its transaction ends
            began = time.monotonic()
            with (folder / "migrate.log").open("wb") as log:
                migrating = Popen(
                    [sys.executable, str(ROOT / "manage.py"), "migrate", "--noinput"],
                    env=machine.site.environment | next_release(folder / "next"),
                    stdout=log,
                    stderr=log,
                )
            told = folder / "migrate.log"
            until(lambda: told.read_text().count("gives way") >= 2 or migrating.poll() is not None, 240)
            assert (migrating.poll(), time.monotonic() - began > 2) == (None, True), told.read_text()
            reader.rollback()
        assert migrating.wait(240) == 0, told.read_text()
        answered = load.answered.total()
        until(lambda: load.answered.total() > answered + 10, 60)  # by the release before, on the new tables
        assert machine.site.rows(FILLED) == [(1,)]
    assert load.wrong == []
    assert load.slowest < SLOWEST


def next_release(folder: Path) -> dict[str, str]:
    """The environment of a release that has two migrations more."""
    shutil.copytree(
        ROOT / "studio" / "migrations", folder / "next_release" / "studio", ignore=shutil.ignore_patterns("__pycache__")
    )
    there = folder / "next_release" / "studio"
    last = max(path.stem for path in there.glob("[0-9]*.py"))
    (folder / "next_settings.py").write_text(NEXT_SETTINGS)
    (there / "9001_added.py").write_text(ADDED.replace("LAST", last))
    (there / "9002_indexed.py").write_text(INDEXED)
    return {"PYTHONPATH": str(folder), "DJANGO_SETTINGS_MODULE": "next_settings"}
