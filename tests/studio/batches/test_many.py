"""A table becomes videos: its bad rows are told, the others come home, and there is one mail."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from avatarsite.mail.models import MailMessage
from avatarsite.workspaces.models import Workspace
from billing.errors import InsufficientCredit
from billing.holds import holds
from billing.ledger import accounts
from billing.models import Hold
from billing.verify import verification
from studio.batches import make as making
from studio.batches.check import check_table
from studio.batches.make import ask_for, make_table, try_failed_again
from studio.batches.manifest import entries
from studio.batches.progress import progress_of
from studio.batches.take_in import take_in
from studio.errors import RequestRefused
from studio.models import BatchRow, BatchTable, Render, RenderGroup, RenderState, RowState, TableState
from studio.pipeline.failures import fail_render
from studio.pipeline.request.render_request import RenderRequest
from studio.pipeline.settle import settle_render
from studio.pipeline.states import advance
from studio.projects import project_for_new_video
from tests.conftest import Cast
from tests.studio import shop
from tests.studio.batches import tables
from tests.support.mails import posted


@pytest.fixture
def house(cast: Cast) -> Workspace:
    tables.stock(cast.workspace)
    return shop.open_shop(cast.workspace, dollars=5_000)


def bring(cast: Cast, lines: list[dict[str, str]]) -> BatchTable:
    project = project_for_new_video(cast.workspace)
    table = take_in(cast.workspace, project, tables.as_csv(lines), name="summer.csv", user=cast.alice)
    while table.state == TableState.CHECKING:
        check_table(table.pk)
        table.refresh_from_db()
    return table


def press(table: BatchTable) -> None:
    ask_for(table, ceiling_micros=progress_of(table).ceiling_micros)


def make(table: BatchTable) -> None:
    """As the worker does, until all has been asked for; an hour ago."""
    BatchTable.objects.filter(pk=table.pk).update(next_try_at=timezone.now())
    while not make_table(table.pk):
        BatchTable.objects.filter(pk=table.pk).update(next_try_at=timezone.now())
        table.refresh_from_db()
        assert (table.state, table.why) == (TableState.MAKING, ""), "it waits for what nobody here does"
    RenderGroup.objects.update(created_at=timezone.now() - timedelta(hours=1))


def end(render: Render, *, ready: bool = True) -> None:
    if not ready:
        assert fail_render(render, code="provider", message="It broke.", reason="test")
        return
    for state in (RenderState.SUBMITTING, RenderState.RENDERING, RenderState.INGESTING):
        assert advance(render, state, reason="test")
    assert settle_render(render, measured_ms=shop.VOICE_MS, video=f"{render.pk}.mp4", video_bytes=1)


def alive() -> list[Render]:
    return list(Render.objects.exclude(state__in=(RenderState.READY, RenderState.FAILED)).select_related("hold"))


@pytest.mark.parametrize(("count", "bad"), [(100, 13), pytest.param(1_000, 37, marks=pytest.mark.slow)])
def test_the_bad_rows_are_told_and_the_others_come_home_with_one_mail(
    cast: Cast, house: Workspace, settings: Any, count: int, bad: int
) -> None:
    settings.DRAFTS_WAITING = {"workspace": 0, "token": 0}  # all wait at once here, until the last is asked for
    wanted = list(tables.rows(count, bad))
    table = bring(cast, [line for line, _ in wanted])
    assert table.state == TableState.CHECKED

    # Each error names its row, its column and its remedy; nothing is held, for no row at all.
    told = {row.number: row.errors for row in table.rows.filter(state=RowState.BAD)}
    expected = {number: what for number, (_, what) in enumerate(wanted, 2) if what}
    assert (sorted(told), len(told)) == (sorted(expected), bad)
    assert len({column + sentence for column, sentence in expected.values()}) >= 12
    for number, (column, sentence) in expected.items():
        ((told_column, told_sentence),) = told[number]
        assert (told_column, sentence in told_sentence) == (column, True), told[number]
    assert (Hold.objects.count(), Render.objects.count()) == (0, 0)
    quoted = progress_of(table)
    assert (quoted.to_make, quoted.bad, quoted.ceiling_micros) == (
        count - bad,
        bad,
        (count - bad) * shop.CEILING_MICROS,
    )

    press(table)
    assert Hold.objects.count() == 0, "the page does not wait for it"
    make(table)
    assert accounts.balance(house).held_micros == quoted.ceiling_micros
    *others, last = alive()
    for render in others:
        end(render)
    assert not MailMessage.objects.exists()
    end(last)

    done = progress_of(table)
    assert (done.ready, done.failed, done.alive, done.bad) == (count - bad, 0, 0, bad)
    assert (accounts.balance(house).held_micros, done.charged_micros) == (0, (count - bad) * shop.VOICE_MS * 100)
    assert [letter.subject for letter in posted()] == [f"Your batch is finished: {count - bad} ready, 0 failed"]
    assert f"{bad} rows of the table could not be made." in str(posted()[0].body)
    assert f"/batches/{table.pk}/" in str(posted()[0].body)
    assert Render.objects.get(reference="r0").title == "For Anna"
    found = list(entries(table))
    assert [entry["row"] for entry in found] == list(range(2, count + 2))
    assert sum(entry["state"] == "ready" for entry in found) == count - bad
    assert verification.verify() == []


def test_a_worker_that_dies_between_two_rows_costs_none_of_them_twice(
    cast: Cast, house: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = bring(cast, [dict(tables.GOOD) for _ in range(7)])
    monkeypatch.setattr(making, "CHUNK", 2)
    press(table)
    asked = making.add_to_batch

    def dies(group: RenderGroup, requests: list[RenderRequest], **also: Any) -> list[Render]:
        renders = asked(group, requests, **also)
        if group.renders.count() > 4:
            raise KeyboardInterrupt
        return renders

    monkeypatch.setattr(making, "add_to_batch", dies)
    with pytest.raises(KeyboardInterrupt):
        make_table(table.pk)
    monkeypatch.undo()
    assert (Render.objects.count(), Hold.objects.count()) == (4, 4)
    assert make_table(table.pk) is False, "the lease has still to run out"
    make(table)
    assert (Render.objects.count(), Hold.objects.count()) == (7, 7)
    assert BatchRow.objects.filter(state=RowState.ASKED).values("render").distinct().count() == 7
    assert make_table(table.pk) is False


def test_what_failed_is_tried_again_at_today_s_price_and_told_anew(cast: Cast, house: Workspace) -> None:
    table = bring(cast, [dict(tables.GOOD) for _ in range(3)])
    press(table)
    make(table)
    first, *others = alive()
    end(first, ready=False)
    for render in others:
        end(render)
    assert try_failed_again(table) == 1
    table.refresh_from_db()
    again = progress_of(table)
    assert (table.state, again.ready, again.to_make, again.failed) == (TableState.CHECKED, 2, 1, 0)
    press(table)
    make(table)
    (render,) = alive()
    assert render.group == first.group
    end(render)
    assert [letter.subject for letter in posted()] == [
        "Your batch is finished: 2 ready, 1 failed",
        "Your batch is finished: 3 ready, 0 failed",
    ]
    assert try_failed_again(table) == 0


def test_without_credit_nothing_is_begun_and_what_runs_out_of_it_stops(cast: Cast, house: Workspace) -> None:
    table = bring(cast, [dict(tables.GOOD) for _ in range(60)])
    available = accounts.balance(house).available_micros
    with pytest.raises(RequestRefused, match="more than you saw"):
        ask_for(table, ceiling_micros=1)
    press(table)
    # Somebody else takes the credit between the yes and the worker.
    taken, day = available - 55 * shop.CEILING_MICROS, timedelta(days=1)
    other = holds.place_hold(house, taken, key="other", subject="other:1", deadline_at=timezone.now() + day)
    assert make_table(table.pk) is False
    table.refresh_from_db()
    assert (table.state, "add $" in table.why, Render.objects.filter(group=table.group).count()) == (
        TableState.STOPPED,
        True,
        50,
    )
    with pytest.raises(InsufficientCredit):
        press(table)
    holds.release_hold(other, reason="test")
    press(table)
    make(table)
    assert Render.objects.filter(group=table.group).count() == 60


def test_drafts_wait_for_room(cast: Cast, house: Workspace, settings: Any) -> None:
    settings.DRAFTS_WAITING = {"workspace": 4, "token": 0}
    table = bring(cast, [dict(tables.GOOD) for _ in range(10)])
    press(table)
    assert make_table(table.pk) is False
    table.refresh_from_db()
    assert (Render.objects.count(), table.state) == (4, TableState.MAKING)
    assert table.why.startswith("At most 4 drafts of this workspace may wait")
    for _ in range(3):
        for render in alive():
            end(render)
        BatchTable.objects.update(next_try_at=timezone.now())
        make_table(table.pk)
    table.refresh_from_db()
    assert (Render.objects.count(), table.state, table.why) == (10, TableState.MADE, "")
