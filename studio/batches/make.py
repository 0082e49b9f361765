"""Making of a table: its good rows are asked for in chunks, by a task that may die between any two of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import Q, QuerySet, Sum
from django.utils import timezone

from avatarsite.errors import DomainError
from avatarsite.queue import jobs
from avatarsite.queue.due_rows import Kind
from avatarsite.workspaces.access import demand_open
from avatarsite.workspaces.errors import Suspended
from billing.budgets.notices import note_refusal
from billing.errors import BudgetReached, InsufficientCredit
from billing.ledger import accounts
from billing.money import usd_at_most
from studio.batches.check import CHECKED_FIELDS, note_refusals, prepare_rows, price_rows, requests_of
from studio.batches.scripts import have_spoken
from studio.errors import RequestRefused
from studio.models import BatchRow, BatchTable, RenderGroup, RenderState, RowState, TableState, Upload
from studio.pipeline.notify import file_batch_notice
from studio.pipeline.request.batches import BatchRefused, add_to_batch
from studio.pipeline.request.limits import DraftsLimited
from studio.pipeline.request.rights import to_state
from studio.uploads.listening import BeingListenedTo

MAKE = "studio.make_table"
CHUNK = 50
ROUND_SECONDS = 40.0
LEASE = timedelta(minutes=3)
SPEECH_PAUSE = timedelta(seconds=2)
ROOM_PAUSE = timedelta(seconds=15)  # until there is room for more drafts
MAX_TRIES = 5
CORRECT = "Correct the table and bring it again."
GONE = "Its portrait or its voice was deleted. Bring it again."
BROKEN = "Its videos could not all be asked for. Press the button again, and tell us if that does not help."


def rights_to_state(table: BatchTable) -> list[Upload]:
    """The faces and voices of its paid rows to which nobody has stated the right yet."""
    paid = table.rows.filter(state=RowState.GOOD, ceiling_micros__gt=0)
    ids = {pk for pair in paid.values_list("portrait_id", "voice_id") for pk in pair if pk}
    return to_state(*Upload.objects.filter(pk__in=ids).order_by("pk"))


def ask_for(table: BatchTable, *, ceiling_micros: int, rights: bool = False) -> None:
    """Have all good rows made, for at most ``ceiling_micros`` together, which is the price that was shown.

    With ``rights`` whoever brought the table states the right to all faces and voices in it.

    Raises RequestRefused, InsufficientCredit or Suspended; then nothing is begun.
    """
    demand_open(table.workspace)
    with transaction.atomic():
        table = BatchTable.objects.select_for_update(of=("self",)).select_related("workspace").get(pk=table.pk)
        if table.state not in (TableState.CHECKED, TableState.STOPPED):
            return
        good = table.rows.filter(state=RowState.GOOD)
        if not good.exists():
            raise RequestRefused("rows", "nothing_to_make", "No row can be made.", CORRECT)
        needed = good.aggregate(sum=Sum("ceiling_micros", default=0))["sum"]
        if needed > ceiling_micros:
            found = f"The videos cost up to {usd_at_most(needed)}, more than you saw."
            raise RequestRefused("max_amount_micros", "price_changed", found, "Look at the price and press again.")
        if not rights and rights_to_state(table):
            found = "Nobody has stated the right to use all faces and voices of this table yet."
            raise RequestRefused("rights", "rights_not_stated", found, "Tick the box beside the button if it is so.")
        available = accounts.balance(table.workspace).available_micros
        if needed > available:
            raise InsufficientCredit(needed_micros=needed, available_micros=available)
        table.group = table.group or RenderGroup.objects.create(workspace=table.workspace, is_batch=True)
        table.state, table.why, table.tries = TableState.MAKING, "", 0
        table.asked_at = table.next_try_at = timezone.now()
        table.save()
        jobs.enqueue(MAKE, table_id=table.pk)


def try_failed_again(table: BatchTable) -> int:
    """Check the rows whose videos were not made once more, for another yes at today's price. How many there are.

    Raises BeingListenedTo.
    """
    prepare_rows(_failed(table))
    with transaction.atomic():
        table = BatchTable.objects.select_for_update(of=("self",)).get(pk=table.pk)
        if table.state not in (TableState.MADE, TableState.STOPPED):
            return 0
        rows = list(_failed(table))
        for row in rows:
            row.render, row.speech, row.errors = None, None, []
            if row.portrait is None or (row.voice is None and not row.by_script):
                row.errors = [["portrait", GONE]]
        price_rows(table, rows)
        BatchRow.objects.bulk_update(rows, ["render", "speech", *CHECKED_FIELDS])
        BatchTable.objects.filter(pk=table.pk).update(state=TableState.CHECKED, why="")
    return len(rows)


def _failed(table: BatchTable) -> QuerySet[BatchRow]:
    ended_badly = Q(state=RowState.ASKED, render__state__in=(RenderState.FAILED, RenderState.CANCELLED))
    return table.rows.filter(ended_badly | Q(state=RowState.REFUSED)).select_related("portrait", "voice")


def make_table(table_id: str) -> bool:
    """Ask for its good rows for a while, if that is due. True once all are asked for. Safe to repeat, and at once."""
    table = BatchTable.objects.select_related("workspace", "project", "made_by", "group").filter(pk=table_id).first()
    if table is None or table.state != TableState.MAKING or not table.claim(LEASE):
        return False
    if table.tries > MAX_TRIES:
        return _end(table, TableState.STOPPED, BROKEN)
    try:
        demand_open(table.workspace)
        return _go_on(table)
    except (DomainError, Suspended) as refusal:
        if isinstance(refusal, BudgetReached):
            note_refusal(table.workspace, refusal)
        return _end(table, TableState.STOPPED, str(refusal))


def _go_on(table: BatchTable) -> bool:
    ends, size = time.monotonic() + ROUND_SECONDS, CHUNK
    while time.monotonic() < ends:
        try:
            done = have_spoken(table, CHUNK) + _ask_chunk(table, size)
        except DraftsLimited as refusal:
            if size == 1:
                return _wait(table, refusal)
            size //= 2  # there may be room for some of them
            continue
        except BeingListenedTo as wait:
            return _pause(table, timedelta(seconds=wait.retry_after or 0), wait.message)
        if not done:
            if not table.rows.filter(state=RowState.GOOD).exists():
                return _end(table, TableState.MADE, "")
            table.put_off(SPEECH_PAUSE, tries=0, why="")  # what is left is being spoken
            return False
        if not table.put_off(LEASE, tries=0, why=""):
            return False
    table.put_off(timedelta())
    jobs.enqueue(MAKE, table_id=table.pk)
    return False


def _ask_chunk(table: BatchTable, size: int) -> int:
    """Ask for some rows, all or none of them, and write that they were in the same transaction. For how many."""
    able = table.rows.filter(Q(by_script=False) | Q(voice__isnull=False), state=RowState.GOOD)
    able = able.select_related("portrait", "voice").order_by("number")
    prepare_rows(able[:size])
    with transaction.atomic():
        rows = list(able.select_for_update(of=("self",))[:size])
        if rows:
            _ask(table, rows)
    return len(rows)


def _ask(table: BatchTable, rows: Sequence[BatchRow]) -> None:
    assert table.group is not None  # noqa: S101 -- ask_for has made it
    whole = [row for row in rows if row.portrait and row.voice]
    try:
        renders = add_to_batch(table.group, requests_of(table, whole), user=table.made_by)
    except BatchRefused as refused:
        note_refusals(whole, refused, RowState.REFUSED)
    else:
        for row, render in zip(whole, renders, strict=True):
            row.render, row.state = render, RowState.ASKED
    for row in rows:
        if row not in whole:
            row.state, row.errors = RowState.REFUSED, [["portrait", GONE]]
    BatchRow.objects.bulk_update(rows, ["render", "state", "errors"])


def _wait(table: BatchTable, refusal: DraftsLimited) -> bool:
    known = refusal.retry_after if refusal.code == "free_seconds_used" else None
    return _pause(table, timedelta(seconds=known) if known else ROOM_PAUSE, refusal.message)


def _pause(table: BatchTable, wait: timedelta, why: str) -> bool:
    table.put_off(wait, tries=0, why=why[:500])
    return False


def _end(table: BatchTable, state: TableState, why: str) -> bool:
    with transaction.atomic():
        ended = table.finish(state=state, why=why[:500], tries=0)
        if ended and table.group is not None:
            file_batch_notice(table.group, table.made_by)
    return ended and state == TableState.MADE


KIND = Kind(
    "table",
    BatchTable.objects.filter(state=TableState.MAKING).all,
    task=MAKE,
    argument="table_id",
    prompt=True,
)
