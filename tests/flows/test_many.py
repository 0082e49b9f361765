"""A table through the providers' stand-ins, from the file to the ZIP."""

from __future__ import annotations

import io
import os
import zipfile
from datetime import timedelta

import pytest
from django.utils import timezone

from avatarsite.workspaces.models import Member, Role, User
from billing.prices import price_book
from billing.verify import verification
from studio.batches import manifest
from studio.batches.make import ask_for, make_table
from studio.batches.progress import progress_of
from studio.batches.take_in import take_in
from studio.models import BatchTable, Render, RenderGroup
from studio.models.renders import ALIVE
from studio.videos.archive import zip_response
from tests.flows.cast import make_studio
from tests.flows.pace import let_time_pass, step
from tests.simulators.fixture import Simulators
from tests.studio.batches import tables
from tests.support.mails import posted

pytest_plugins = ["tests.simulators.fixture"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.process]
COUNT = int(os.environ.get("BATCH_ROWS", "24"))
ROUNDS = 12


def test_a_table_of_paid_videos_comes_home_in_one_zip_with_one_mail(site: Simulators) -> None:
    site.reset(speed=0.001, inputs="assume", assumed_voice_seconds=2.1)
    price_book.seed_prices()
    studio = make_studio(balance_micros=2_000_000_000, voice_seconds=2.1)
    maker = User.objects.create_user("maker@example.com", "a long password")
    Member.objects.create(workspace=studio.workspace, user=maker, role=Role.OWNER)
    good = {"portrait": studio.portrait.pk, "voice": studio.voice.pk, "model": "kling-avatar-2-pro"}
    lines = [{**good, "title": "For {{name}}", "name": f"Anna {number}"} for number in range(COUNT)]
    lines.insert(5, {**good, "portrait": "nobody.jpg"})
    table = take_in(studio.workspace, studio.project, tables.as_csv(lines), name="summer.csv", user=maker)
    quoted = progress_of(table)
    assert (quoted.to_make, quoted.bad) == (COUNT, 1)
    ask_for(table, ceiling_micros=quoted.ceiling_micros)
    while not make_table(table.pk):
        BatchTable.objects.update(next_try_at=timezone.now())
    RenderGroup.objects.update(created_at=timezone.now() - timedelta(hours=1))

    for _ in range(ROUNDS):
        for render in Render.objects.filter(state__in=ALIVE):
            step(render)
        if not Render.objects.filter(state__in=ALIVE).exists():
            break
        for control in site.all:
            let_time_pass(control)

    done = progress_of(table)
    assert (done.ready, done.failed, done.alive) == (COUNT, 0, 0)
    assert 0 < done.charged_micros <= quoted.ceiling_micros
    assert [letter.subject for letter in posted()] == [f"Your batch is finished: {COUNT} ready, 0 failed"]
    rows = table.rows.exclude(render=None).select_related("render").order_by("number")
    videos = [(manifest.file_name(row), row.render) for row in rows if row.render]
    response = zip_response(studio.workspace, "summer.zip", videos)
    archive = zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content)))
    response.close()
    assert (len(archive.namelist()), archive.testzip()) == (COUNT, None)
    assert {archive.getinfo(name).file_size for name, _ in videos} == {render.video_bytes for _, render in videos}
    assert verification.verify() == []
