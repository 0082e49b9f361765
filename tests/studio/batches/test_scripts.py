"""Scripts of a table: spoken by this server's voice, priced before by what they may take, captioned by their words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from avatarsite.workspaces.models import Workspace
from billing.ledger import accounts
from studio.batches.make import ask_for, make_table
from studio.batches.progress import progress_of
from studio.batches.take_in import take_in
from studio.models import BatchRow, BatchTable, Captions, Listening, Render, RowState, Speech, TableState
from studio.pipeline.long import plan, sound
from studio.projects import project_for_new_video
from studio.speech import rounds
from studio.speech.engines import piper
from studio.uploads import listening
from tests.conftest import Cast
from tests.studio import shop
from tests.studio.batches import tables

pytestmark = pytest.mark.django_db(transaction=True)
HELLO = {"portrait": "face.jpg", "script": "Hello {{name}}, welcome to the Danube.", "name": "Anna", "captions": "yes"}


@pytest.fixture
def house(cast: Cast, settings: Any, tmp_path: Path) -> Iterator[Workspace]:
    settings.LOCAL_ENGINE_DIR = tmp_path / "engine"
    tables.stock(cast.workspace)
    yield shop.open_shop(cast.workspace, dollars=50)
    piper.end()


def bring(cast: Cast, *lines: dict[str, str]) -> BatchTable:
    project = project_for_new_video(cast.workspace)
    return take_in(cast.workspace, project, tables.as_csv(list(lines)), name="people.csv", user=cast.alice)


def go_on(table: BatchTable) -> bool:
    BatchTable.objects.filter(pk=table.pk).update(next_try_at=timezone.now())
    return make_table(table.pk)


def test_each_script_is_spoken_once_and_its_video_costs_no_more_than_was_shown(cast: Cast, house: Workspace) -> None:
    table = bring(cast, HELLO, {**HELLO, "name": "Zoë"}, HELLO, {**HELLO, "script": "[pause 1s]"})
    quoted = progress_of(table)
    assert (quoted.to_make, quoted.bad) == (3, 1)
    ((column, told),) = table.rows.get(state=RowState.BAD).errors
    assert (column, bool(told)) == ("script", True)
    assert 0 < quoted.likely_micros < quoted.ceiling_micros

    ask_for(table, ceiling_micros=quoted.ceiling_micros)
    assert go_on(table) is False
    assert (Render.objects.count(), Speech.objects.count()) == (0, 2), "the same words are spoken once"
    for speech in Speech.objects.all():
        while not Speech.objects.get(pk=speech.pk).ended:
            rounds.speak_on(speech.pk)
    assert go_on(table) is True
    renders = list(Render.objects.select_related("voice").order_by("pk"))
    assert [render.voice.script for render in renders] == [
        "Hello Anna, welcome to the Danube.",
        "Hello Zoë, welcome to the Danube.",
        "Hello Anna, welcome to the Danube.",
    ]
    assert renders[0].voice == renders[2].voice
    assert Captions.objects.count() == 3
    held = accounts.balance(house).held_micros
    assert 0 < held <= quoted.ceiling_micros
    table.refresh_from_db()
    assert table.state == TableState.MADE


def test_a_long_script_becomes_a_video_of_parts(cast: Cast, house: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "MAX_AT_ONCE_MS", 8_000)
    for place in (plan, sound):
        monkeypatch.setattr(place, "MAX_PART_MS", 6_000)
    monkeypatch.setattr(sound, "MIN_PART_MS", 2_000)
    table = bring(cast, {**HELLO, "script": "Hello {{name}}. [pause 1s] This takes a little longer to say. " * 4})
    ceiling = progress_of(table).ceiling_micros
    ask_for(table, ceiling_micros=ceiling)
    assert go_on(table) is False
    speech = Speech.objects.get()
    while not Speech.objects.get(pk=speech.pk).ended:
        rounds.speak_on(speech.pk)
    assert go_on(table) is False
    table.refresh_from_db()
    assert table.why.startswith("The voice is being listened to")
    assert sound.listen_to(Listening.objects.get().pk)
    assert go_on(table) is True
    render = Render.objects.for_workspace(house).get()
    assert (render.is_whole, accounts.balance(house).held_micros) == (True, render.ceiling_micros)
    assert render.ceiling_micros <= ceiling


def test_a_script_too_long_and_a_voice_that_nobody_has_are_told(cast: Cast, house: Workspace) -> None:
    table = bring(
        cast, {**HELLO, "script": "Word after word. [pause 10s] " * 600}, {**HELLO, "speaker": "local:nobody"}
    )
    errors = [row.errors for row in BatchRow.objects.filter(table=table).order_by("number")]
    ((column, told),) = errors[0]
    assert (column, told.partition(";")[2]) == (
        "script",
        " a voice may take 60. Shorten it, or make several videos of it.",
    )
    assert errors[1][0][0] == "speaker"
    assert errors[1][0][1].startswith("There is no voice 'local:nobody'.")
