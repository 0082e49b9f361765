"""A table through the providers’ stand-ins, from the file to the ZIP; the watch sends as many at once as it may.

``make test-real`` brings one of a thousand rows: BATCH_ROWS.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from avatarsite.workspaces.models import Member, Role, User
from billing.ledger import accounts
from billing.models import Hold
from billing.prices import price_book
from billing.verify import verification
from studio.batches import manifest
from studio.batches.check import check_table
from studio.batches.make import ask_for, make_table
from studio.batches.progress import progress_of
from studio.batches.take_in import take_in
from studio.models import BatchTable, Render, RenderGroup, RenderState, RowState, TableState, Upload
from studio.models.renders import ALIVE
from studio.pipeline.ingest.receive import ingest_render
from studio.pipeline.watch.loop import watch
from studio.videos.archive import zip_response
from tests.flows.cast import Studio, make_studio
from tests.flows.pace import let_time_pass
from tests.simulators.fixture import Simulators
from tests.studio.batches import tables
from tests.support.mails import posted

pytest_plugins = ["tests.simulators.fixture"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.process]
MODEL = "kling-avatar-2-pro"
WATCH_SECONDS = 1_200.0  # it ends as soon as nothing is left
COPIES_AT_ONCE, ROUNDS = 2, 5
ROWS = int(os.environ.get("BATCH_ROWS", "300"))


@pytest.fixture
def studio(site: Simulators, settings: Any) -> Studio:
    """With what the rows name, and providers that may be asked as often as we like."""
    site.reset(inputs="assume", assumed_voice_seconds=2.1)
    settings.PROVIDERS_PER_SECOND = {}
    price_book.seed_prices()
    studio = make_studio(balance_micros=2_000_000_000, voice_seconds=2.1)
    Upload.objects.filter(pk=studio.voice.pk).update(name=tables.GOOD["voice"])
    tables.stock(studio.workspace)
    return studio


def bring(studio: Studio, lines: list[dict[str, str]]) -> BatchTable:
    maker = User.objects.create_user("maker@example.com", "a long password")
    Member.objects.create(workspace=studio.workspace, user=maker, role=Role.OWNER)
    table = take_in(studio.workspace, studio.project, tables.as_csv(lines), name="summer.csv", user=maker)
    while table.state == TableState.CHECKING:
        check_table(table.pk)
        table.refresh_from_db()
    return table


def bring_home(site: Simulators) -> None:
    """As the workers do: the watch until nothing is on its way, letters that come after it, and each copy.

    And the same again for what a busy machine has let wait for its next try.
    """
    for _ in range(ROUNDS):
        assert watch(run_seconds=WATCH_SECONDS)
        for control in site.all:
            let_time_pass(control)
        done = list(Render.objects.filter(state=RenderState.INGESTING).values_list("pk", flat=True))
        with ThreadPoolExecutor(COPIES_AT_ONCE) as pool:
            list(pool.map(_copy, done))
        left = Render.objects.filter(state__in=ALIVE)
        if not left:
            return
        print(Counter((one.state, one.events.latest("pk").reason) for one in left))


def _copy(render_id: str) -> bool:
    try:
        return ingest_render(render_id)
    finally:
        connections.close_all()


@pytest.mark.parametrize(("count", "bad"), [(38, 14), pytest.param(ROWS, 37, marks=pytest.mark.slow)])
def test_a_table_of_paid_videos_comes_home_in_one_zip_with_one_mail(
    studio: Studio, site: Simulators, count: int, bad: int
) -> None:
    good = count - bad
    wanted = list(tables.rows(count, bad))
    table = bring(studio, [{"model": MODEL, **line} for line, _ in wanted])

    # Each error names its row, its column and what to do, in one sentence of each kind.
    expected = {number: what for number, (_, what) in enumerate(wanted, 2) if what}
    assert len(set(expected.values())) == len(tables.BAD) == 14
    told = {row.number: row.errors for row in table.rows.filter(state=RowState.BAD)}
    assert {row: [column for column, _ in errors] for row, errors in told.items()} == {
        row: [column] for row, (column, _) in expected.items()
    }
    assert [row for row, (_, remedy) in expected.items() if remedy not in told[row][0][1]] == []
    quoted = progress_of(table)
    assert (quoted.to_make, quoted.bad) == (good, bad)

    ask_for(table, ceiling_micros=quoted.ceiling_micros, rights=True)
    while not make_table(table.pk):
        BatchTable.objects.update(next_try_at=timezone.now())
    assert (Hold.objects.count(), accounts.balance(studio.workspace).held_micros) == (good, quoted.ceiling_micros)
    assert table.rows.filter(state=RowState.BAD, render=None).count() == bad
    RenderGroup.objects.update(created_at=timezone.now() - timedelta(hours=1))
    bring_home(site)

    done = progress_of(table)
    assert (done.ready, done.failed, done.alive, done.bad) == (good, 0, 0, bad)
    assert accounts.balance(studio.workspace).held_micros == 0
    assert 0 < done.charged_micros <= quoted.ceiling_micros
    assert [letter.subject for letter in posted()] == [f"Your batch is finished: {good} ready, 0 failed"]
    assert f"{bad} rows of the table could not be made." in str(posted()[0].body)
    rows = table.rows.exclude(render=None).select_related("render").order_by("number")
    videos = [(manifest.file_name(row), row.render) for row in rows if row.render]
    response = zip_response(studio.workspace, "summer.zip", videos)
    archive = zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content)))
    response.close()
    assert (len(archive.namelist()), archive.testzip()) == (good, None)
    assert {archive.getinfo(name).file_size for name, _ in videos} == {render.video_bytes for _, render in videos}
    assert verification.verify() == []
